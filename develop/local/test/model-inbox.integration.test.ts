import type { Customer } from "@turno/simulator";
import { stageAgent, STAGE_GROUP, stageId, waitFor, type Stage } from "@turno/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createMetaStage, type MetaStage } from "./meta-stage.ts";

const HOUR_MS = 60 * 60 * 1000;
const [ANA, BRUNO, OPERATOR, ADMIN] = [0, 1, 50, 60].map(stageAgent) as [string, string, string, string];
const BILLING = stageId(1, 1);
const TEMPLATE = {
  type: "template",
  name: "retomar_conversacion",
  language: "es_MX",
  components: [{ type: "body", parameters: ["Ana", "123"].map((value) => ({ type: "text", text: value })) }],
};

let world: MetaStage;
let meta: MetaStage["meta"];
beforeAll(async () => {
  world = await createMetaStage(configure);
  ({ meta } = world);
});
afterAll(() => world.stop());

function configure(stage: Stage) {
  return stage.command("configure", {
    groups: [
      { id: STAGE_GROUP, name: "Support", distribution: "manual" },
      { id: BILLING, name: "Billing", distribution: "manual" },
    ],
    agents: [
      { id: ANA, name: "Ana", groupIds: [STAGE_GROUP] },
      { id: BRUNO, name: "Bruno", groupIds: [STAGE_GROUP, BILLING] },
      { id: OPERATOR, name: "Olga", role: "operator", groupIds: [STAGE_GROUP] },
      { id: ADMIN, name: "Alma", role: "admin" },
    ],
    channels: [{ id: stageId(3), phoneNumberId: "123", accountId: "100", name: "Main", groupId: STAGE_GROUP }],
  });
}

type Body = Record<string, unknown>;
interface Person {
  get(path: string): Promise<{ status: number; body: Body }>;
  post(path: string, body?: unknown): Promise<{ status: number; body: Body }>;
  patch(path: string, body: unknown): Promise<{ status: number; body: Body }>;
}

async function signIn(agentId: string): Promise<Person> {
  const issued = await fetch(`${world.inboxUrl}/local/token/${agentId}`, { method: "POST" });
  const { token } = (await issued.json()) as { token: string };
  const call = (method: string) => async (path: string, body?: unknown) => {
    const response = await fetch(`${world.inboxUrl}/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Body };
  };
  return { get: call("GET"), post: call("POST"), patch: call("PATCH") };
}

const customer = (index: number) => world.customers[index] as Customer;

async function writes(index: number, text: string): Promise<void> {
  expect(await meta.post([meta.message({ customer: customer(index), type: "text", text })])).toBe(true);
}

/** The conversations that a person sees in a tab of the inbox. */
async function tab(person: Person, state: string): Promise<Body[]> {
  return (await person.get(`/conversations?state=${state}`)).body["conversations"] as Body[];
}

/** Waits until a person sees one more conversation in a tab than those that are known, and returns its id. */
const appears = (person: Person, state: string, known: readonly string[] = []) =>
  waitFor(
    async () => (await tab(person, state)).map(({ id }) => String(id)).find((id) => !known.includes(id)) ?? false,
    { what: `one more is ${state}` },
  );

const ok = { status: 200 };

describe("the support inbox that is the model", () => {
  it("is met step by step, from availability to the finalised original", async () => {
    // Agents, operators and admins use it.
    const [ana, bruno, operator, admin] = (await Promise.all([ANA, BRUNO, OPERATOR, ADMIN].map(signIn))) as [
      Person,
      Person,
      Person,
      Person,
    ];
    for (const [person, role] of [
      [ana, "agent"],
      [operator, "operator"],
      [admin, "admin"],
    ] as const) {
      expect((await person.get("/me")).body).toMatchObject({ role });
    }

    // Without automatic distribution an agent chooses the customer. It need not be available for that.
    await writes(0, "hola");
    const first = await appears(ana, "queued");
    expect(await ana.post(`/conversations/${first}/claim`)).toMatchObject(ok);
    expect(await tab(ana, "active")).toMatchObject([{ id: first }]);

    // With automatic distribution, conversations go to the agents who are available, and to nobody else.
    await admin.post("/configuration", {
      groups: [{ id: STAGE_GROUP, name: "Support", distribution: "automatic", needsPresence: false }],
    });
    expect(await ana.post(`/agents/${ANA}/availability`, { availability: "away" })).toMatchObject(ok);
    expect(await bruno.post(`/agents/${BRUNO}/availability`, { availability: "available" })).toMatchObject(ok);
    await writes(1, "¿hay alguien?");
    const second = await appears(bruno, "active");
    expect(await tab(ana, "active")).toMatchObject([{ id: first }]);

    // A transfer goes to an agent or to a group, with a reason or without one.
    expect(
      await ana.post(`/conversations/${first}/transfer`, { to: { agentId: BRUNO }, reason: "sabe de facturas" }),
    ).toMatchObject({ ...ok, body: { agentId: BRUNO } });
    expect(await bruno.post(`/conversations/${first}/transfer`, { to: { groupId: BILLING } })).toMatchObject(ok);
    expect(await bruno.post(`/conversations/${first}/claim`)).toMatchObject(ok);
    const timeline = (await bruno.get(`/conversations/${first}/timeline`)).body["entries"] as Body[];
    const moves = timeline.filter(({ type }) => type === "conversation.transferred").map(({ data }) => data as Body);
    expect(moves.map(({ reason }) => reason ?? null)).toEqual(["sabe de facturas", null]);

    // Without a ticket it is not closed.
    const refused = await bruno.post(`/conversations/${first}/close`);
    expect(refused).toMatchObject({ status: 409, body: { code: "ticket-needed" } });

    // A new ticket, with who asked for it.
    const made = await bruno.post(`/conversations/${first}/ticket`, {
      subject: "Factura doble",
      body: "Cobro repetido",
      requester: { name: "Marta Ruiz", reach: "administración" },
    });
    expect(made).toMatchObject({ ...ok, body: { ticketNumber: 1, ticketLink: "confirmed" } });

    // On closing, the conversation's history is an action of the ticket, which is shown.
    const closed = await bruno.post(`/conversations/${first}/close`);
    expect(closed).toMatchObject({
      ...ok,
      body: { how: "closed", ticket: { number: 1, subject: "Factura doble" }, action: { kind: "history" } },
    });
    const action = closed.body["action"] as Body;
    expect(action["body"]).toMatch(/customer: hola$/);
    const note = await bruno.post(`/tickets/1/actions/${String(action["id"])}/note`, { note: "Devuelto el importe" });
    expect(note).toMatchObject({ ...ok, body: { action: { note: { text: "Devuelto el importe" } } } });

    // An existing ticket is found by its number or by what it says, in itself, in its comments and histories.
    for (const text of ["1", "repetido", "marta", "devuelto importe", "hola"]) {
      const found = (await bruno.get(`/tickets?text=${encodeURIComponent(text)}`)).body["tickets"];
      expect(found).toMatchObject([{ number: 1, requester: { name: "Marta Ruiz" } }]);
    }
    // It is another customer's, so it is linked only where that is meant.
    const anothers = await bruno.post(`/conversations/${second}/ticket-link`, { ticket: { number: 1 } });
    expect(anothers).toMatchObject({ status: 409, body: { code: "ticket-of-another" } });

    // A customer's own link is rejected or confirmed, and the ticket is edited.
    const propose = () => world.stage.command("propose-ticket-link", { conversationId: second, ticket: { number: 1 } });
    await propose();
    expect(await bruno.post(`/conversations/${second}/ticket-link/reject`)).toMatchObject(ok);
    await propose();
    expect((await bruno.get(`/conversations/${second}`)).body["ticket"]).toMatchObject({ number: 1, link: "proposed" });
    expect(await bruno.patch("/tickets/1", { subject: "Factura doble de mayo" })).toMatchObject(ok);
    expect(await bruno.post(`/conversations/${second}/ticket-link/confirm`)).toMatchObject(ok);

    // 24 hours without the customer end it: it is expired, shows its ticket's number, and no second ticket is made.
    await bruno.post(`/conversations/${second}/messages`, { message: { type: "text", body: "Lo reviso." } });
    await world.pass(24 * HOUR_MS + 1_000);
    expect(await appears(bruno, "expired")).toBe(second);
    expect(await tab(bruno, "expired")).toMatchObject([
      { ticket: { number: 1, link: "confirmed" }, actions: ["ticket-link", "template", "finalise"] },
    ]);
    expect((await bruno.get("/tickets")).body["tickets"]).toHaveLength(1);

    // A template opens another active conversation. The original stays expired, and can only be finalised.
    const sent = await bruno.post(`/conversations/${second}/messages`, { message: TEMPLATE });
    expect(sent).toMatchObject(ok);
    const third = String(sent.body["conversationId"]);
    expect(await tab(bruno, "active")).toMatchObject([
      { id: third, ticket: { number: 1 }, continuesConversationId: second },
    ]);
    expect(await tab(bruno, "expired")).toMatchObject([{ id: second, continuedById: third, actions: ["finalise"] }]);
    expect(await bruno.post(`/conversations/${second}/messages`, { message: TEMPLATE })).toMatchObject({ status: 409 });
    expect(await bruno.post(`/conversations/${second}/finalise`)).toMatchObject({
      ...ok,
      body: { how: "finalised", ticketNumber: 1 },
    });
    expect(await tab(bruno, "expired")).toEqual([]);
    expect(await tab(bruno, "active")).toMatchObject([{ id: third, state: "active" }]);
  }, 90_000);
});
