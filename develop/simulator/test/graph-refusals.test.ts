import { afterEach, describe, expect, it } from "vitest";
import { GRAPH_ERROR_CODES } from "../src/index.ts";
import { createGraphWorld } from "./graph-world.ts";

const world = createGraphWorld();
afterEach(() => world.close());

const hourMs = 3_600_000;

/** The error codes of sends made one after the other, 200 for those accepted. */
async function codesOf(sends: object[]): Promise<number[]> {
  const codes: number[] = [];
  for (const send of sends) codes.push((await world.call(send)).body.error?.code ?? 200);
  return codes;
}

describe("refusals", () => {
  it("free form is refused with 131047 from the 24th hour after the customer's message on, and a template is not", async () => {
    const { customers } = await world.open();
    await world.writes(customers[0]!);

    world.advance(24 * hourMs - 1);
    const before = await world.call(world.textTo(customers[0]!));
    world.advance(1);
    const after = await world.call(world.textTo(customers[0]!));
    const template = await world.call({
      to: `+${customers[0]!.phone}`,
      type: "template",
      template: { name: "novedades", language: { code: "es_MX" } },
    });
    const stillClosed = await world.call(world.textTo(customers[0]!));

    expect(before.status).toBe(200);
    expect(after).toMatchObject({
      status: 400,
      body: { error: { code: 131047, message: "(#131047) Re-engagement message" } },
    });
    expect(template.body.messages?.[0]?.message_status).toBe("accepted");
    expect(stillClosed.body.error?.code).toBe(131047);
  });

  it("the refusal of a session that is over may also come later, as a failed status", async () => {
    const { graph, customers } = await world.open({ lateSessionRefusalShare: 1 });

    const { status, body } = await world.call(world.textTo(customers[0]!));
    await graph.drain();

    expect(status).toBe(200);
    expect(world.statusesOf(body.messages![0]!.id)).toMatchObject([{ status: "failed", errors: [{ code: 131047 }] }]);
  });

  it.each([
    ["unknown", "nada", "es_MX", [], 132001],
    ["in another language", "novedades", "pt_BR", [], 132001],
    ["paused", "paused_offer", "en_US", [], 132015],
    ["disabled", "disabled_offer", "en_US", [], 132016],
    ["with too few parameters", "retomar_conversa", "pt_BR", [{ type: "text", text: "Ana" }], 132000],
    [
      "with a wrongly named parameter",
      "resume_conversation",
      "en_US",
      [{ type: "text", text: "A", parameter_name: "x" }],
      132012,
    ],
  ])("a template %s is refused as Meta does", async (_, name, code, parameters, expected) => {
    const { customers, graph } = await world.open();
    const components = parameters.length === 0 ? [] : [{ type: "body", parameters }];

    const { body } = await world.call({
      to: `+${customers[0]!.phone}`,
      type: "template",
      template: { name, language: { code }, components },
    });

    expect(body.error?.code).toBe(expected);
    expect(graph.ledger.messages()).toEqual([]);
    expect(graph.ledger.refusals().get(expected)).toBe(1);
  });

  it.each([
    ["no recipient", { type: "text", text: { body: "x" } }],
    ["an unknown type", { to: "+34600000000", type: "toString" }],
    ["a text that is too long", { to: "+34600000000", type: "text", text: { body: "x".repeat(4_097) } }],
    [
      "four buttons",
      {
        to: "+34600000000",
        type: "interactive",
        interactive: {
          type: "button",
          body: { text: "?" },
          action: { buttons: [1, 2, 3, 4].map((id) => ({ reply: { id, title: "a" } })) },
        },
      },
    ],
    ["a medium without link", { to: "+34600000000", type: "image", image: {} }],
    [
      "callback data that is too long",
      { to: "+34600000000", type: "text", text: { body: "x" }, biz_opaque_callback_data: "x".repeat(513) },
    ],
  ])("a request with %s is refused", async (_, body) => {
    await world.open();

    const answer = await world.call(body);

    expect([100, 131008, 131009]).toContain(answer.body.error?.code);
  });

  it("a wrong token is refused with 190", async () => {
    await world.open();

    expect(await world.call({}, "other")).toMatchObject({
      status: 401,
      body: { error: { code: 190, type: "OAuthException" } },
    });
  });

  it("the number's and the pair's limits hold by real buckets, and refuse with 130429 and 131056", async () => {
    let elapsedMs = 0;
    const limits = { numberLimit: { size: 20, everyMs: 50 }, pairLimit: { size: 5, everyMs: 6_000 } };
    const { customers } = await world.open({ ...limits, elapsedMs: () => elapsedMs });
    for (const customer of customers) await world.writes(customer);
    const one = await codesOf(Array.from({ length: 7 }, () => world.textTo(customers[0]!)));
    const many = await codesOf(Array.from({ length: 18 }, (_, index) => world.textTo(customers[1 + (index % 9)]!)));
    elapsedMs += 6_000;
    const later = await codesOf([world.textTo(customers[0]!), world.textTo(customers[0]!)]);

    expect(one).toEqual([200, 200, 200, 200, 200, 131056, 131056]);
    expect(many.filter((code) => code === 200)).toHaveLength(15);
    expect(many.filter((code) => code === 130429)).toHaveLength(3);
    expect(later).toEqual([200, 131056]);
  });

  it("answers every error code of the table in Graph's shape when told to", async () => {
    const { graph, customers } = await world.open();
    await world.writes(customers[0]!);

    for (const code of GRAPH_ERROR_CODES) {
      graph.fail({ fault: { kind: "error", code }, times: 1 });
      const { status, body } = await world.call(world.textTo(customers[0]!));
      expect(status).toBeGreaterThanOrEqual(400);
      expect(body.error).toMatchObject({
        code,
        message: expect.stringContaining(`(#${code})`),
        fbtrace_id: expect.any(String),
      });
    }
    expect((await world.call(world.textTo(customers[0]!))).status).toBe(200);
  });
});
