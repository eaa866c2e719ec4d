import type { CommandInput } from "@turno/contracts";
import {
  configureStage,
  createStage,
  SERVICE_ACTOR,
  shiftClock,
  stageAgent,
  waitFor,
  type Stage,
} from "@turno/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

const HOUR_MS = 60 * 60 * 1000;
/** How long before the end of the session free form stops. */
const MARGIN_MS = 60_000;

let stage: Stage;
/** How far the rules' clock is ahead; it never goes back. */
let aheadMs = 0;
beforeAll(async () => {
  stage = await createStage();
  await Promise.all([stage.start("router"), stage.start("session-tracker")]);
  stage.keep();
});
beforeEach(async () => {
  await configureStage(stage, { agents: 2 });
  await stage.sql`
    insert into templates (account_id, name, language, template_id, status, category, components, changed_at)
    values ('100', 'hello', 'es', '1', 'APPROVED', 'UTILITY', '[{"type":"BODY","text":"Hola {{1}}"}]', now()),
      ('100', 'paused', 'es', '2', 'PAUSED', 'UTILITY', '[]', now())`;
  await stage.sql`insert into template_lists (account_id, read_at) values ('100', now())`;
});
afterEach(() => stage.clear());
afterAll(() => stage.stop());

const byAgent = (index: number) => ({ kind: "agent" as const, agentId: stageAgent(index) });
const text = { type: "text" as const, body: "hola" };
const template = (name = "hello", parameters = [{ type: "text", text: "Ana" }]) => ({
  type: "template" as const,
  name,
  language: "es",
  components: [{ type: "body" as const, parameters }],
});

function send(agent: number, conversationId: string, message: CommandInput<"send">["message"]) {
  return stage.request("send", { actor: byAgent(agent), agentId: stageAgent(agent), conversationId, message });
}

/** By the rules' clock, now. */
const write = (id: string, userId: string) => stage.publish([{ id, userId, sentAt: new Date(Date.now() + aheadMs) }]);

async function moveClock(ms: number): Promise<void> {
  aheadMs = ms;
  await shiftClock(stage, aheadMs);
}

/** A customer writes, and the first agent in turn has the conversation. */
async function open(): Promise<{ conversationId: string; agent: number; endsAt: Date }> {
  await write("wamid.1", "US.1");
  const row = await waitFor(
    async () =>
      (
        await stage.sql<{ id: string; agentId: string; endsAt: Date }[]>`
          select id, agent_id as "agentId", session_ends_at as "endsAt" from conversations where state = 'active'`
      )[0],
    { what: "the conversation is active" },
  );
  return { conversationId: row.id, agent: row.agentId === stageAgent(0) ? 0 : 1, endsAt: row.endsAt };
}

async function expire(conversationId: string): Promise<void> {
  await moveClock(aheadMs + 24 * HOUR_MS);
  await waitFor(
    async () =>
      (await stage.sql`select from conversations where id = ${conversationId} and state = 'expired'`).length === 1,
    { what: "it is expired" },
  );
}

const countSends = async () => (await stage.sql`select id from sends`).length;

describe("the gate", () => {
  it("lets free form through while the session is open, by the agent who has the conversation", async () => {
    const { conversationId, agent, endsAt } = await open();
    expect(await send(agent, conversationId, text)).toMatchObject({
      ok: true,
      conversationId,
      sessionEndsAt: endsAt.toISOString(),
    });
    expect(await send(1 - agent, conversationId, text)).toMatchObject({ refusal: { code: "not-permitted" } });
    const service = { actor: SERVICE_ACTOR, agentId: stageAgent(agent), conversationId, message: text };
    expect(await stage.request("send", service)).toMatchObject({ ok: true });
    const types = await stage.sql<
      { type: string }[]
    >`select type from events where entity_id = ${conversationId} order by sequence`;
    expect(types.map(({ type }) => type).slice(-2)).toEqual(["message.requested", "message.requested"]);
    expect(await countSends()).toBe(2);
  });

  it("accepts none of 200 racing free-form messages from the margin of the session's end on, and loses none it accepted", async () => {
    const { conversationId, agent, endsAt } = await open();
    const [{ ms } = { ms: 0 }] = await stage.sql<{ ms: number }[]>`
      select (extract(epoch from ${endsAt} - clock_timestamp()) * 1000)::float8 as ms`;
    await moveClock(ms - MARGIN_MS - 400);
    const replies: Awaited<ReturnType<typeof send>>[] = [];
    const race = Array.from({ length: 8 }, async () => {
      for (let index = 0; index < 25; index++) replies.push(await send(agent, conversationId, text));
    });
    await Promise.all(race);
    await waitFor(async () => "refusal" in (await send(agent, conversationId, text)), { what: "the session is over" });
    const accepted = replies.flatMap((reply) => ("ok" in reply ? [reply.sendId] : []));
    const sends = await stage.sql<{ id: string; isInTime: boolean }[]>`
      select id, created_at < ${endsAt}::timestamptz - ${MARGIN_MS} * interval '1 millisecond' as "isInTime" from sends`;
    expect(sends.filter(({ isInTime }) => !isInTime)).toEqual([]);
    const kept = new Set(sends.map(({ id }) => id));
    expect(accepted.filter((id) => !kept.has(id))).toEqual([]);
    expect(accepted.length).toBeGreaterThan(0);
  });

  it("refuses free form on an expired conversation, and says since when and what is allowed", async () => {
    const { conversationId, agent, endsAt } = await open();
    await expire(conversationId);
    expect(await send(agent, conversationId, text)).toMatchObject({
      refusal: { code: "session-over", details: { since: endsAt.toISOString(), allowed: ["template"] } },
    });
    expect(await countSends()).toBe(0);
  });

  it("opens one new conversation for templates that two agents send at once; the others learn where it goes on, and nothing more is sent on the old one", async () => {
    const { conversationId, agent } = await open();
    await stage.sql`update agents set role = 'operator'`;
    await stage.sql`update conversations set ticket_number = 7, ticket_link = 'confirmed', ticket_id = gen_random_uuid()`;
    await expire(conversationId);
    const replies = await Promise.all([0, 1, 0, 1, 0, 1].map((index) => send(index, conversationId, template())));
    const [newId = "", ...more] = replies.flatMap((reply) => ("ok" in reply ? reply.conversationId : []));
    expect(more).toEqual([]);
    const told = { refusal: { code: "conversation-continued", details: { continuedById: newId } } };
    const refused = replies.filter((reply) => "refusal" in reply);
    expect(refused).toMatchObject([told, told, told, told, told]);
    for (const message of [text, template(), { type: "read" as const, messageId: "wamid.1" }]) {
      expect(await send(agent, conversationId, message)).toMatchObject(told);
    }
    const rows = await stage.sql`
      select state, ticket_number as ticket, ticket_link as link, continues_conversation_id as continues,
        session_ends_at as ends
      from conversations order by opened_at`;
    expect(rows).toMatchObject([
      { state: "expired", ticket: 7 },
      { state: "active", ticket: 7, link: "confirmed", continues: conversationId, ends: null },
    ]);
    expect(await countSends()).toBe(1);
    expect(await stage.sql`select from sends where is_opening`).toHaveLength(1);
    expect(await send(agent, newId, text)).toMatchObject({
      refusal: { code: "session-over", details: { since: null } },
    });
  });

  it("opens none for an agent that has all that it takes, unless it is forced", async () => {
    const { conversationId, agent } = await open();
    await expire(conversationId);
    await stage.sql`update agents set capacity = 1, active_count = 1 where id = ${stageAgent(agent)}`;
    expect(await send(agent, conversationId, template())).toMatchObject({
      refusal: { code: "agent-full", details: { activeCount: 1, capacity: 1 } },
    });
    const ask = { agentId: stageAgent(agent), conversationId, message: template(), force: true };
    expect(await stage.request("send", { ...ask, actor: byAgent(agent) })).toMatchObject({
      refusal: { code: "not-permitted" },
    });
    expect(await countSends()).toBe(0);
    expect(await stage.request("send", { ...ask, actor: SERVICE_ACTOR })).toMatchObject({ ok: true });
  });

  it("sends no marketing to a customer who stopped it, by the newest word; utility goes out, and marketing after a resume", async () => {
    const { conversationId, agent } = await open();
    await stage.sql`
      insert into templates (account_id, name, language, template_id, status, category, components, changed_at)
      values ('100', 'offer', 'es', '3', 'APPROVED', 'MARKETING', '[{"type":"BODY","text":"Oferta, {{1}}"}]', now())`;
    const seconds = Math.floor((Date.now() + aheadMs) / 1_000);
    const say = async (name: string, value: "stop" | "resume", timestamp: number) => {
      const content = { user_id: "US.1", category: "marketing_messages", value, timestamp };
      await stage.publish([{ id: name, userId: "US.1", keyedBy: "user_preferences", content }]);
      await waitFor(
        async () => (await stage.sql`select from messages where key = ${`user_preferences:${name}`}`).length === 1,
        { what: `${name} has taken effect` },
      );
    };
    await say("stop", "stop", seconds - 10);
    await say("old", "resume", seconds - 20);
    expect(await send(agent, conversationId, template("offer"))).toMatchObject({
      refusal: { code: "marketing-stopped", details: { since: new Date((seconds - 10) * 1_000).toISOString() } },
    });
    expect(await send(agent, conversationId, template("hello"))).toMatchObject({ ok: true });
    await say("new", "resume", seconds - 5);
    expect(await send(agent, conversationId, template("offer"))).toMatchObject({ ok: true });
    expect(await stage.sql`select from conversations`).toHaveLength(1);
  });

  it("takes a receipt for a message of this conversation, and for no other", async () => {
    const { conversationId, agent } = await open();
    await write("wamid.other", "US.2");
    await waitFor(async () => (await stage.sql`select from messages where key = 'msg:wamid.other'`).length === 1, {
      what: "another customer's message is there",
    });
    for (const messageId of ["wamid.other", "wamid.unknown"]) {
      expect(await send(agent, conversationId, { type: "read", messageId })).toMatchObject({
        refusal: { code: "not-found" },
      });
    }
    expect(await send(agent, conversationId, { type: "read", messageId: "wamid.1" })).toMatchObject({ ok: true });
    expect(await countSends()).toBe(1);
  });

  it("lands the customer's answer in the new conversation, which opens its session", async () => {
    const { conversationId, agent } = await open();
    await expire(conversationId);
    const reply = await send(agent, conversationId, template());
    const newId = "ok" in reply ? reply.conversationId : "";
    await write("wamid.answer", "US.1");
    await waitFor(
      async () =>
        (await stage.sql`select from messages where key = 'msg:wamid.answer' and conversation_id = ${newId}`).length ===
        1,
      { what: "the answer lands in the new one" },
    );
    expect(await stage.sql`select id from conversations`).toHaveLength(2);
    expect(await send(agent, newId, text)).toMatchObject({ ok: true, conversationId: newId });
  });

  it("names the newer conversation when the customer wrote before the template was sent", async () => {
    const { conversationId, agent } = await open();
    await expire(conversationId);
    await write("wamid.first", "US.1");
    const newer = await waitFor(
      async () =>
        (await stage.sql<{ id: string }[]>`select id from conversations where state in ('queued', 'active')`)[0]?.id,
      { what: "a new conversation is open" },
    );
    expect(await send(agent, conversationId, template())).toMatchObject({
      refusal: { code: "conversation-superseded", details: { conversationId: newer } },
    });
  });

  it("refuses templates that are unknown, paused or wrongly parameterised, before any call", async () => {
    const { conversationId, agent } = await open();
    expect(await send(agent, conversationId, template("nothing"))).toMatchObject({
      refusal: { code: "template-unknown" },
    });
    expect(await send(agent, conversationId, template("paused", []))).toMatchObject({
      refusal: { code: "template-unusable" },
    });
    expect(await send(agent, conversationId, template("hello", []))).toMatchObject({
      refusal: { code: "template-parameters" },
    });
    expect(await countSends()).toBe(0);
  });
});
