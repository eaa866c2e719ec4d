import { afterEach, describe, expect, it } from "vitest";
import { createGraphWorld } from "./graph-world.ts";

const world = createGraphWorld();
afterEach(() => world.close());

describe("acceptance", () => {
  it("accepts free form within the session, and tells its statuses with callback data and price by webhook", async () => {
    const { graph, customers } = await world.open({ statuses: { readShare: 1, skipDeliveredShare: 0 } });
    const customer = customers[0]!;
    await world.writes(customer);

    const { status, body } = await world.call(world.textTo(customer, { biz_opaque_callback_data: "row-1" }));
    await graph.drain();

    const wamid = body.messages![0]!.id;
    expect(status).toBe(200);
    expect(graph.ledger.reachedCount("row-1")).toBe(1);
    const statuses = world.statusesOf(wamid);
    // Each is a POST of its own, and may overtake another.
    expect(statuses).toHaveLength(3);
    expect(new Set(statuses.map((entry) => entry["status"]))).toEqual(new Set(["sent", "delivered", "read"]));
    expect(statuses.find((entry) => entry["status"] === "sent")).toMatchObject({
      biz_opaque_callback_data: "row-1",
      recipient_id: customer.phone,
      pricing: { category: "service", type: "free_customer_service", pricing_model: "PMP" },
    });
  });

  it("reaches a customer through the business-scoped id in recipient, and nobody through one in to, with the same 200", async () => {
    const { graph, customers } = await world.open();
    const customer = customers[1]!;
    await world.writes(customer);
    const text = { type: "text", text: { body: "Oi" } };

    const right = await world.call({ ...text, recipient: customer.userId, biz_opaque_callback_data: "right" });
    const wrong = await world.call({ ...text, to: customer.userId, biz_opaque_callback_data: "wrong" });
    await graph.drain();

    expect([right.status, wrong.status]).toEqual([200, 200]);
    expect([graph.ledger.reachedCount("right"), graph.ledger.reachedCount("wrong")]).toEqual([1, 0]);
    expect(world.statusesOf(wrong.body.messages![0]!.id)).toEqual([]);
  });

  it("a number without plus, or that nobody has, fails later; Brazil's number reaches with and without the ninth digit", async () => {
    const { graph, customers } = await world.open();
    const customer = customers.find(({ phone }) => phone.startsWith("55"))!;
    await world.writes(customer);

    const withoutPlus = await world.call(world.textTo(customer, { to: customer.phone }));
    const unknown = await world.call(world.textTo(customer, { to: "+34999999999" }));
    const old = await world.call(
      world.textTo(customer, { to: `+${customer.phone.slice(0, 4)}${customer.phone.slice(5)}` }),
    );
    await graph.drain();

    for (const { body } of [withoutPlus, unknown]) {
      expect(world.statusesOf(body.messages![0]!.id)).toMatchObject([{ status: "failed", errors: [{ code: 131026 }] }]);
    }
    expect(graph.ledger.messages().map(({ fate }) => fate)).toEqual(["failed", "failed", "reached"]);
    expect(old.body).toMatchObject({ contacts: [{ wa_id: customer.phone }] });
  });

  it("marks as read with typing, and refuses what is no message", async () => {
    const { graph } = await world.open();

    const read = await world.call({ status: "read", message_id: "wamid.X", typing_indicator: { type: "text" } });
    const wrong = await world.call({ status: "read", message_id: "x" });

    expect(read).toMatchObject({ status: 200, body: { success: true } });
    expect(graph.ledger.reads()).toEqual(["wamid.X"]);
    expect(wrong.body.error?.code).toBe(131009);
  });

  it("a reaction yields sent only, without price", async () => {
    const { graph, customers } = await world.open({ statuses: { readShare: 1 } });
    await world.writes(customers[0]!);

    const { body } = await world.call({
      to: `+${customers[0]!.phone}`,
      type: "reaction",
      reaction: { message_id: "wamid.X", emoji: "👍" },
    });
    await graph.drain();

    const statuses = world.statusesOf(body.messages![0]!.id);
    expect(statuses.map((entry) => entry["status"])).toEqual(["sent"]);
    expect(statuses[0]).not.toHaveProperty("pricing");
  });
});

describe("templates and answers", () => {
  it("lists templates in pages that name the next, until there is none", async () => {
    const { graph } = await world.open();
    const names: string[] = [];
    let next: string | undefined = `${graph.url}/v26.0/100/message_templates?limit=3`;

    while (next !== undefined) {
      const response: Response = await fetch(next, { headers: { Authorization: "Bearer token" } });
      const page = (await response.json()) as { data: { name: string; id: string }[]; paging: { next?: string } };
      expect(page.data.length).toBeLessThanOrEqual(3);
      names.push(...page.data.map(({ name }) => name));
      next = page.paging.next;
    }

    expect(names).toEqual(graph.templates().map(({ name }) => name));
  });

  it("a template that is paused is refused from then on, and the webhook says so with the bare id", async () => {
    const { graph, gateway, customers } = await world.open();

    await graph.setTemplateStatus("novedades", "es_MX", "PAUSED");
    const { body } = await world.call({
      to: `+${customers[0]!.phone}`,
      type: "template",
      template: { name: "novedades", language: { code: "es_MX" } },
    });

    expect(body.error?.code).toBe(132015);
    expect(gateway.arrivals.at(-1)?.body.toString()).toContain(
      '"event":"PAUSED","message_template_id":9223372036854775786,',
    );
  });

  it("a customer told to answer does, which opens the session", async () => {
    const { graph, simulator, customers } = await world.open();
    graph.answer({ when: ({ type }) => type === "template", times: 1, type: "button" });

    await world.call({
      to: `+${customers[0]!.phone}`,
      type: "template",
      template: { name: "novedades", language: { code: "es_MX" } },
    });
    await graph.drain();

    const answered = [...simulator.ledger.accepted()].filter(({ kind }) => kind === "message");
    expect(answered).toMatchObject([{ customer: 0, ordinal: 1 }]);
    expect((await world.call(world.textTo(customers[0]!))).status).toBe(200);
  });
});
