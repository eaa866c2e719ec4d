import type { CommandInput, CommandReply } from "@turno/contracts";
import { configureStage, stageAgent, waitFor } from "@turno/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createMetaStage, type MetaStage } from "./meta-stage.ts";

const HOUR_MS = 60 * 60 * 1000;

let world: MetaStage;
let stage: MetaStage["stage"];
let graph: MetaStage["graph"];
beforeAll(async () => {
  world = await createMetaStage((made) => configureStage(made, { agents: 2 }));
  ({ stage, graph } = world);
});
beforeEach(() => configureStage(stage, { agents: 2 }));
afterEach(() => stage.clear(["templates"]));
afterAll(() => world.stop());

const text = (body: string) => ({ type: "text" as const, body });
const template = {
  type: "template" as const,
  name: "retomar_conversacion",
  language: "es_MX",
  components: [{ type: "body" as const, parameters: ["Ana", "123"].map((value) => ({ type: "text", text: value })) }],
};

interface Row {
  id: string;
  state: string;
  agentId: string;
  continues: string | null;
  ticketNumber: number | null;
}

const conversations = () => stage.sql<Row[]>`
  select id, state, agent_id as "agentId", continues_conversation_id as continues, ticket_number as "ticketNumber"
  from conversations order by opened_at, id`;

async function customerWrites(): Promise<void> {
  const { meta, customers } = world;
  const [customer] = customers;
  if (customer === undefined) throw new Error("no customer");
  expect(await meta.post([meta.message({ customer, type: "text", text: "hola" })])).toBe(true);
}

const inState = (state: string) =>
  waitFor(async () => (await conversations()).find((row) => row.state === state), { what: `one is ${state}` });

const sendStates = async () =>
  (await stage.sql<{ state: string }[]>`select state from sends order by ordinal`).map(({ state }) => state);

function send(
  conversation: Pick<Row, "id" | "agentId">,
  message: CommandInput<"send">["message"],
): Promise<CommandReply<"send">> {
  const { id: conversationId, agentId } = conversation;
  return stage.request("send", { actor: { kind: "agent", agentId }, agentId, conversationId, message });
}

/** A customer writes, the agent answers, and 24 hours pass. */
async function untilExpired(): Promise<Row> {
  await customerWrites();
  const active = await inState("active");
  expect(await send(active, text("¿en qué puedo ayudar?"))).toMatchObject({ ok: true });
  await waitFor(async () => ["delivered", "read"].includes((await sendStates())[0] ?? ""), {
    what: "the answer arrived",
  });
  await world.pass(24 * HOUR_MS + 1_000);
  return inState("expired");
}

describe("the story of a conversation, over HTTP and NATS", () => {
  it("customer writes, agent answers, it expires, a template reopens it, the customer answers, it is closed with its ticket", async () => {
    const expired = await untilExpired();
    expect(await send(expired, text("¿sigues ahí?"))).toMatchObject({
      refusal: { code: "session-over", details: { allowed: ["template"] } },
    });
    const ticket = await stage.command("create-ticket", { conversationId: expired.id, subject: "Pedido 123" });
    expect(await send(expired, template)).toMatchObject({ ok: true });

    const reopened = await inState("active");
    expect(reopened).toMatchObject({
      continues: expired.id,
      ticketNumber: ticket.ticketNumber,
      agentId: expired.agentId,
    });
    expect((await conversations()).find(({ id }) => id === expired.id)?.state).toBe("expired");
    expect(await send(reopened, text("hola"))).toMatchObject({ refusal: { code: "session-over" } });

    await customerWrites();
    await waitFor(async () => "ok" in (await send(reopened, text("gracias"))), { what: "the session is open again" });
    expect(await conversations()).toHaveLength(2);
    const closed = await stage.command("close", { conversationId: reopened.id });
    expect(closed).toMatchObject({ how: "closed", ticketNumber: ticket.ticketNumber });
    expect(await stage.command("finalise", { conversationId: expired.id })).toMatchObject({ how: "finalised" });
    await graph.drain();
    expect(graph.ledger.reachedTwice()).toEqual([]);
    const busy = await stage.sql`select from agents where active_count <> 0`;
    expect(busy).toHaveLength(0);
  }, 90_000);

  it("a template that Meta refuses at once ends the new conversation as failed, and the expired one can be used again", async () => {
    const expired = await untilExpired();
    const mend = graph.fail({ fault: { kind: "error", code: 131_026 }, when: ({ type }) => type === "template" });
    expect(await send(expired, template)).toMatchObject({ ok: true });
    const failed = await inState("failed");
    expect(failed.continues).toBe(expired.id);
    mend();
    expect(await send(expired, template)).toMatchObject({ ok: true });
    expect((await inState("active")).continues).toBe(expired.id);
  }, 90_000);

  it("a template that fails later, by status, does the same", async () => {
    const expired = await untilExpired();
    const mend = graph.fail({ fault: { kind: "failed", code: 131_049 }, when: ({ type }) => type === "template" });
    expect(await send(expired, template)).toMatchObject({ ok: true });
    expect((await inState("failed")).continues).toBe(expired.id);
    mend();
    expect(await send(expired, template)).toMatchObject({ ok: true });
  }, 90_000);

  it("a customer who writes first opens a new conversation, and a template on the expired one is told where to go on", async () => {
    const expired = await untilExpired();
    await customerWrites();
    const newer = await inState("active");
    expect(newer.continues).toBeNull();
    expect(await send(expired, template)).toMatchObject({
      refusal: { code: "conversation-superseded", details: { conversationId: newer.id } },
    });
  }, 90_000);

  it("two agents who send the template at once open one new conversation", async () => {
    const expired = await untilExpired();
    await stage.sql`update agents set role = 'operator'`;
    const replies = await Promise.all(
      [0, 1].map((index) => send({ id: expired.id, agentId: stageAgent(index) }, template)),
    );
    const opened = replies.flatMap((reply) => ("ok" in reply ? reply.conversationId : []));
    const told = replies.flatMap((reply) => ("refusal" in reply ? reply.refusal.details?.["continuedById"] : []));
    expect([opened.length, told]).toEqual([1, opened]);
    expect((await conversations()).filter(({ state }) => state === "active")).toHaveLength(1);
    await graph.drain();
    expect(graph.ledger.reachedTwice()).toEqual([]);
  }, 90_000);

  it("131047 from Meta closes the session at once, and the conversation expires", async () => {
    await customerWrites();
    const active = await inState("active");
    graph.fail({ fault: { kind: "error", code: 131_047 }, times: 1 });
    expect(await send(active, text("hola"))).toMatchObject({ ok: true });
    await inState("expired");
    expect(await send(active, text("hola"))).toMatchObject({ refusal: { code: "session-over" } });
  }, 90_000);
});
