import { afterEach, describe, expect, it } from "vitest";
import { createGraphWorld } from "./graph-world.ts";

const world = createGraphWorld();
afterEach(() => world.close());

/** The HTTP status of a send, or the name of the error where no answer came. */
async function outcomeOf(url: string, body: object, timeoutMs: number): Promise<string> {
  return fetch(`${url}/v26.0/200/messages`, {
    method: "POST",
    headers: { Authorization: "Bearer token" },
    body: JSON.stringify({ messaging_product: "whatsapp", ...body }),
    signal: AbortSignal.timeout(timeoutMs),
  }).then(
    ({ status }) => String(status),
    (error: Error) => error.name,
  );
}

describe("unknown outcomes", () => {
  it("breaks, hangs or answers 502 before or after it accepted, and its ledger knows which", async () => {
    const { graph, customers } = await world.open();
    await world.writes(customers[0]!);
    const outcomes: string[] = [];
    for (const kind of ["reset", "no-answer", "server-error"] as const) {
      for (const accepts of [true, false]) {
        graph.fail({ fault: { kind, accepts }, times: 1 });
        const body = world.textTo(customers[0]!, { biz_opaque_callback_data: `${kind} ${accepts}` });
        outcomes.push(await outcomeOf(graph.url, body, kind === "no-answer" ? 150 : 10_000));
      }
    }
    await graph.drain();

    expect(outcomes).toEqual(["TypeError", "TypeError", "TimeoutError", "TimeoutError", "502", "502"]);
    expect(graph.ledger.messages().map(({ callbackData, wasAnswered }) => [callbackData, wasAnswered])).toEqual([
      ["reset true", false],
      ["no-answer true", false],
      ["server-error true", false],
    ]);
    expect(world.statusesOf(graph.ledger.messages()[0]!.wamid).length).toBeGreaterThan(0);
  });

  it("statuses come before the answer, in any order, late and never, each as often as told", async () => {
    const { graph, gateway, customers } = await world.open({
      statuses: { beforeAnswerShare: 1, shuffledShare: 1, lateShare: 0.5 },
    });
    await world.writes(customers[0]!);
    const postsBefore = gateway.arrivals.length;

    const { body } = await world.call(world.textTo(customers[0]!));
    const early = world.statusesOf(body.messages![0]!.id).length;
    const orders = new Set<string>();
    for (let index = 0; index < 30; index++) {
      const wamid = (await world.call(world.textTo(customers[0]!))).body.messages![0]!.id;
      await graph.drain();
      orders.add(
        world
          .statusesOf(wamid)
          .map((entry) => String(entry["status"]))
          .join(),
      );
    }

    expect(gateway.arrivals.length).toBeGreaterThan(postsBefore);
    expect(early).toBeGreaterThanOrEqual(1);
    expect(orders.size).toBeGreaterThan(3);
  });

  it("a send told to fail later reaches nobody, and one without statuses does", async () => {
    const { graph, customers } = await world.open();
    await world.writes(customers[0]!);
    graph.fail({ fault: { kind: "failed", code: 131049 }, when: ({ callbackData }) => callbackData === "a" });
    graph.fail({ fault: { kind: "no-statuses" }, when: ({ callbackData }) => callbackData === "b" });

    const a = await world.call(world.textTo(customers[0]!, { biz_opaque_callback_data: "a" }));
    const b = await world.call(world.textTo(customers[0]!, { biz_opaque_callback_data: "b" }));
    await graph.drain();

    expect(world.statusesOf(a.body.messages![0]!.id)).toMatchObject([{ status: "failed", errors: [{ code: 131049 }] }]);
    expect(world.statusesOf(b.body.messages![0]!.id)).toEqual([]);
    expect([graph.ledger.reachedCount("a"), graph.ledger.reachedCount("b")]).toEqual([0, 1]);
  });

  it("a fault meets one number, account or customer, read receipts too where it says so, until it is lifted", async () => {
    const { graph, customers } = await world.open();
    const [barred, other] = [customers[0]!, customers[1]!];
    await world.writes(barred);
    await world.writes(other);
    const code = async (body: object) => (await world.call(body)).body.error?.code ?? null;
    const receipt = { status: "read", message_id: "wamid.theirs" };

    const liftCountry = graph.fail({
      fault: { kind: "error", code: 130497 },
      when: (_, { customer, phoneNumberId, accountId }) =>
        customer === barred && phoneNumberId === "200" && accountId === "100",
    });
    expect([await code(world.textTo(barred)), await code(world.textTo(other)), await code(receipt)]).toEqual([
      130497,
      null,
      null,
    ]);
    liftCountry();
    const liftToken = graph.fail({ fault: { kind: "error", code: 190 }, alsoReads: true });
    expect([await code(world.textTo(barred)), await code(receipt)]).toEqual([190, 190]);
    liftToken();
    expect([await code(world.textTo(barred)), await code(receipt)]).toEqual([null, null]);
  });

  it("a failure that Meta tells late says when it was", async () => {
    const { graph, customers } = await world.open();
    await world.writes(customers[0]!);
    graph.fail({ fault: { kind: "failed", code: 131031, lateMs: 20 } });
    const { body } = await world.call(world.textTo(customers[0]!));
    world.advance(3_600_000);
    await graph.drain();
    const [status] = world.statusesOf(body.messages![0]!.id);
    expect(status).toMatchObject({ status: "failed", timestamp: "1790000000", errors: [{ code: 131031 }] });
  });

  it("the same send twice reaches twice, and the ledger says so: there is no idempotency", async () => {
    const { graph, customers } = await world.open({ faults: [{ fault: { kind: "no-statuses" }, share: 0.5 }] });
    await world.writes(customers[0]!);

    await world.call(world.textTo(customers[0]!, { biz_opaque_callback_data: "a" }));
    await world.call(world.textTo(customers[0]!, { biz_opaque_callback_data: "a" }));

    expect(graph.ledger.reachedTwice()).toEqual(["a"]);
  });
});
