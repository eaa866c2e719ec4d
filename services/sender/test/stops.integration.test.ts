import { waitFor } from "@turno/testing";
import { afterEach, describe, expect, it } from "vitest";
import { createCircuitSteps, LATER, template } from "./fixtures/circuits.ts";
import { shareGround, requestSends, type SenderWorld } from "./fixtures/world.ts";

const openWorld = shareGround();
let world: SenderWorld;
afterEach(() => world?.close());
const { listCircuits, untilStopped, untilGone, reset, sendOf, untilState, untilOut, talkAt, calledIds } =
  createCircuitSteps(() => world);

describe("a stop is as narrow as its cause", () => {
  it("C02: what the account may not send to one country fails with the reason, and nothing else stops", async () => {
    world = await openWorld();
    const barred = talkAt(1).customer;
    world.graph.fail({ fault: { kind: "error", code: 130497 }, when: (_, { customer }) => customer === barred });
    await world.startSender();
    const [abroad, next, home] = await requestSends(world, [
      { talk: talkAt(1) },
      { talk: talkAt(1) },
      { talk: talkAt(2), ...template },
    ]);
    await untilState(abroad, "failed");
    await untilState(next, "failed");
    await untilOut(home);
    expect((await sendOf(abroad))?.error).toMatchObject({
      code: 130497,
      message: expect.stringContaining("in this country") as string,
    });
    expect(await listCircuits()).toEqual([]);
  });

  it("C03: a permission that is missing for one number stops that number and says so; others go on", async () => {
    world = await openWorld({ channels: 5, customers: 10 });
    const codes = new Map([3, 10, 230, 131005].map((code, index) => [String(200 + index), code]));
    const lifts = [...codes].map(([number, code]) =>
      world.graph.fail({ fault: { kind: "error", code }, when: (_, { phoneNumberId }) => phoneNumberId === number }),
    );
    await world.startSender(LATER);
    const first = await requestSends(
      world,
      [0, 1, 2, 3].map((index) => ({ talk: talkAt(index) })),
    );
    const circuits = await waitFor(
      async () => {
        const found = await listCircuits();
        return found.length === 4 ? found : false;
      },
      { what: "four circuits are open" },
    );
    expect(new Map(circuits.map(({ key, code }) => [key, code]))).toEqual(codes);
    for (const { scope, reason } of circuits) expect(`${scope}: ${reason}`).toMatch(/^number: .*permission/);
    const [held, other] = await requestSends(world, [{ talk: talkAt(5) }, { talk: talkAt(4) }]);
    await untilOut(other);
    expect(await sendOf(held)).toMatchObject({ state: "waiting", attempt: 0 });
    for (const lift of lifts) lift();
    await Promise.all(circuits.map(reset));
    await Promise.all([...first, held].map(untilOut));
  });

  it("C04: an unpaid template holds the account's templates; answers go on, and one that is charged ends it", async () => {
    world = await openWorld({ channels: 2, accountIds: ["100", "101"] });
    const lift = world.graph.fail({
      fault: { kind: "error", code: 131042 },
      when: (send, { accountId }) => send.template !== null && accountId === "100",
    });
    const sender = await world.startSender(LATER);
    const [first] = await requestSends(world, [{ talk: talkAt(0), ...template }]);
    expect(await untilStopped("templates")).toMatchObject({ key: "100", code: 131042, tries: 0 });
    const [behind, second, answer, elsewhere] = await requestSends(world, [
      { talk: talkAt(0) },
      { talk: talkAt(2), ...template },
      { talk: talkAt(4) },
      { talk: talkAt(1), ...template },
    ]);
    await untilOut(answer);
    await untilOut(elsewhere);
    expect(await sendOf(first)).toMatchObject({ state: "waiting", attempt: 1 });
    expect(await sendOf(second)).toMatchObject({ state: "waiting", attempt: 0 });
    await waitFor(
      async () => {
        const metrics = await (await fetch(`${sender.url}/metrics`)).text();
        return (
          /turno_sender_circuits\{[^}]*scope="templates"[^}]*\} 1/.test(metrics) &&
          /turno_sender_waiting_sends\{[^}]*reason="stopped"[^}]*\} 2/.test(metrics)
        );
      },
      { what: "the metrics show what is stopped and waits" },
    );
    lift();
    await world.sql`update circuits set try_at = now()`;
    await untilGone();
    await Promise.all([first, behind, second].map(untilOut));
    const order = calledIds().filter((id) => id === first || id === behind);
    expect(order).toEqual([first, behind]);
  });

  it("C04: an answer that is not paid for fails by its own word, and the next one is tried", async () => {
    world = await openWorld();
    world.graph.fail({ fault: { kind: "error", code: 131042 }, times: 1 });
    await world.startSender(LATER);
    const [refused, next] = await requestSends(world, [{ talk: talkAt(1) }, { talk: talkAt(1) }]);
    await untilState(refused, "failed");
    await untilOut(next);
    expect((await sendOf(refused))?.error?.message).toContain("payment");
  });

  it("C04: that one template was not paid for later on is no proof about others", async () => {
    world = await openWorld();
    world.graph.fail({ fault: { kind: "failed", code: 131042 }, times: 1 });
    await world.startSender(LATER);
    const [failed] = await requestSends(world, [{ talk: talkAt(1), ...template }]);
    await untilState(failed, "failed");
    const [next] = await requestSends(world, [{ talk: talkAt(2), ...template }]);
    await untilOut(next);
    expect(await listCircuits()).toEqual([]);
  });
});
