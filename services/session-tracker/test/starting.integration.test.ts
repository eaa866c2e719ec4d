import type { Actor, CommandRequest } from "@turno/contracts";
import { answerOnce, connectToDatabase, type Sql } from "@turno/database";
import { createIdSource } from "@turno/runtime";
import {
  createTestDatabase,
  SERVICE_ACTOR,
  STAGE_GROUP,
  stageAgent,
  stageId,
  waitFor,
  type TestDatabase,
} from "@turno/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startConversation } from "../src/index.ts";

const createId = createIdSource();
const CHANNEL = stageId(3);
const PHONE = "+34600111222";
const [OWN, FULL, OUTSIDER, OPERATOR] = [0, 1, 2, 3];
const OTHER_GROUP = stageId(1, 1);

let database: TestDatabase;
/** As the service connects, with the rights of its role; and as who owns the tables, to look. */
let asRole: Sql;
let sql: Sql;
beforeAll(async () => {
  database = await createTestDatabase();
  asRole = connectToDatabase(database.urlOf("session-tracker"), { connectionsMax: 4, name: "starting" });
  sql = connectToDatabase(database.url, { connectionsMax: 2, name: "starting-look" });
  await sql`insert into groups (id, name, distribution) values (${STAGE_GROUP}, 'Support', 'manual'), (${OTHER_GROUP}, 'Other', 'manual')`;
  for (const [index, role, groupId, capacity] of [
    [OWN, "agent", STAGE_GROUP, 100],
    [FULL, "agent", STAGE_GROUP, 0],
    [OUTSIDER, "agent", OTHER_GROUP, null],
    [OPERATOR, "operator", STAGE_GROUP, null],
  ] as const) {
    await sql`insert into agents (id, name, role, availability, capacity)
      values (${stageAgent(index)}, ${`Agent ${index}`}, ${role}, 'available', ${capacity})`;
    await sql`insert into group_members (group_id, agent_id) values (${groupId}, ${stageAgent(index)})`;
  }
  await sql`insert into channels (id, phone_number_id, account_id, name, group_id)
    values (${CHANNEL}, '123', '100', 'Main', ${STAGE_GROUP}), (${stageId(3, 1)}, '456', '100', 'Other', ${OTHER_GROUP})`;
  await sql`insert into templates (account_id, name, language, template_id, status, category, components, changed_at)
    values ('100', 'hello', 'es', '1', 'APPROVED', 'UTILITY', '[{"type":"BODY","text":"Hola {{1}}"}]', now()),
      ('100', 'offer', 'es', '2', 'APPROVED', 'MARKETING', '[]', now()), ('100', 'code', 'es', '3', 'APPROVED', 'AUTHENTICATION', '[]', now())`;
  await sql`insert into template_lists (account_id, read_at) values ('100', now())`;
});
afterEach(async () => {
  await sql`truncate contacts, contact_identities, conversations, assignments, messages, sends, events, outbox, command_answers cascade`;
  await sql`update agents set active_count = 0`;
});
afterAll(async () => {
  await Promise.all([sql.end(), asRole.end()]);
  await database.drop();
});

type Request = CommandRequest<"start-conversation">;
const hello: Request["message"] = {
  type: "template",
  name: "hello",
  language: "es",
  components: [{ type: "body", parameters: [{ type: "text", text: "Ana" }] }],
};
const bare = (name: string): Request["message"] => ({ type: "template", name, language: "es", components: [] });
const byAgent = (index: number): Actor => ({ kind: "agent", agentId: stageAgent(index) });

function start(change: Partial<Request> = {}) {
  const ask: Request = {
    actor: byAgent(OWN),
    agentId: stageAgent(OWN),
    channelId: CHANNEL,
    to: { phone: PHONE },
    message: hello,
    force: false,
    ...change,
  };
  return startConversation(asRole, ask, { createId, readTemplates: () => Promise.resolve() });
}

async function started(change: Partial<Request> = {}) {
  const answer = await start(change);
  if ("code" in answer) throw new Error(answer.message);
  return answer;
}

const count = async (table: string) =>
  (await sql<{ count: number }[]>`select count(*)::int as count from ${sql(table)}`)[0]?.count;

/** Ends a conversation as closing or the sweep does, as far as it matters here. */
const end = (id: string, state: "closed" | "expired") => sql`
  update conversations set state = ${state}, ticket_id = ${stageId(5)}, ticket_number = 7, ticket_link = 'confirmed' where id = ${id}`;

describe("writing first", () => {
  it("opens one active conversation with its agent, its template on the way, and no open session", async () => {
    const { conversationId, contactId, sendId } = await started();
    const [row] = await sql`
      select state, agent_id as "agentId", group_id as "groupId", session_ends_at as ends, contact_id as "contactId",
        sequence, continues_conversation_id as continues, check_at > opened_at + interval '19 hours' as "isChecked",
        ticket_id as "ticketId"
      from conversations where id = ${conversationId}`;
    const held = { state: "active", agentId: stageAgent(OWN), groupId: STAGE_GROUP, contactId, sequence: 2 };
    expect(row).toEqual({ ...held, ends: null, continues: null, isChecked: true, ticketId: null });
    expect(await sql`select active_count as count from agents where id = ${stageAgent(OWN)}`).toMatchObject([
      { count: 1 },
    ]);
    expect(await sql`select id, is_opening as "isOpening", state from sends`).toMatchObject([
      { id: sendId, isOpening: true, state: "waiting" },
    ]);
    expect(await sql`select text from messages`).toMatchObject([{ text: "Hola Ana" }]);
    const events = await sql<{ type: string; data: object }[]>`
      select type, data from events where entity_id = ${conversationId} order by sequence`;
    expect(events.map(({ type }) => type)).toEqual(["conversation.started", "message.requested"]);
    expect(events[0]?.data).toMatchObject({
      contact: { phone: "34600111222", name: null },
      actor: byAgent(OWN),
      ticketId: null,
    });
    const [contact] = await sql`select phone, phone_key as key, phone_at as at from contacts`;
    expect(contact).toEqual({ phone: "34600111222", key: "34600111222", at: null });
  });

  it("is refused where one is open, and says who has it; nothing is made", async () => {
    const { conversationId, contactId } = await started();
    for (const to of [{ phone: PHONE }, { contactId }]) {
      expect(await start({ to, actor: SERVICE_ACTOR, agentId: stageAgent(OPERATOR) })).toMatchObject({
        code: "conversation-open",
        details: { conversationId, agentId: stageAgent(OWN), agentName: "Agent 0" },
      });
    }
    expect([await count("sends"), await count("contacts")]).toEqual([1, 1]);
  });

  it("after a closed one takes over its confirmed ticket, by the contact's id", async () => {
    const first = await started();
    await end(first.conversationId, "closed");
    const second = await started({ to: { contactId: first.contactId } });
    expect(second).toMatchObject({ contactId: first.contactId, continuesConversationId: null });
    const [row] = await sql`
      select ticket_number::int as number, ticket_link as link from conversations where id = ${second.conversationId}`;
    expect(row).toEqual({ number: 7, link: "confirmed" });
    expect(
      await sql`select data ->> 'ticketNumber' as number from events where entity_id = ${second.conversationId}
      and type = 'conversation.started'`,
    ).toMatchObject([{ number: "7" }]);
  });

  it("continues the last one where that is expired, by who may send a template on it; once it goes on elsewhere it is not", async () => {
    const first = await started();
    await end(first.conversationId, "expired");
    await sql`update agents set active_count = 0`;
    expect(await start({ actor: byAgent(FULL), agentId: stageAgent(FULL) })).toMatchObject({ code: "not-permitted" });
    const second = await started();
    expect(second.continuesConversationId).toBe(first.conversationId);
    expect(
      await sql`select type from events where entity_id = ${second.conversationId} and sequence = 1`,
    ).toMatchObject([{ type: "conversation.reopened" }]);
    await end(second.conversationId, "closed");
    expect(await started()).toMatchObject({ continuesConversationId: null });
  });

  it("needs room for one more, new or continued, unless somebody forces it who may", async () => {
    const full = { actor: byAgent(FULL), agentId: stageAgent(FULL) };
    expect(await start(full)).toMatchObject({ code: "agent-full", details: { activeCount: 0, capacity: 0 } });
    expect(await start({ ...full, force: true })).toMatchObject({ code: "not-permitted" });
    expect([await count("contacts"), await count("contact_identities")]).toEqual([0, 0]);
    const { conversationId } = await started({ ...full, actor: byAgent(OPERATOR), force: true });
    await end(conversationId, "expired");
    await sql`update agents set active_count = 0`;
    expect(await start(full)).toMatchObject({ code: "agent-full" });
  });

  it("asks of the template and the customer what sending asks, and makes no contact for what is refused", async () => {
    expect(await start({ message: bare("none") })).toMatchObject({ code: "template-unknown" });
    expect(await start({ message: bare("hello") })).toMatchObject({ code: "template-parameters" });
    expect(await start({ message: bare("code"), to: { userId: "ES.1" } })).toMatchObject({ code: "phone-needed" });
    expect(await count("contacts")).toBe(0);
    const { conversationId } = await started({ message: bare("code") });
    await end(conversationId, "closed");
    await sql`update contacts set marketing_is_stopped = true, marketing_said_at = now()`;
    expect(await start({ message: bare("offer") })).toMatchObject({ code: "marketing-stopped" });
    expect(await start()).toHaveProperty("sendId");
  });

  it("finds a contact by its id only for who has to do with it", async () => {
    const { contactId } = await started();
    const outsider = { actor: byAgent(OUTSIDER), agentId: stageAgent(OUTSIDER), channelId: stageId(3, 1) };
    expect(await start({ ...outsider, to: { contactId } })).toMatchObject({ code: "not-found" });
    expect(await start({ ...outsider, to: { contactId: stageId(9) } })).toMatchObject({ code: "not-found" });
    // Who knows the number may write to it.
    expect(await started({ ...outsider })).toMatchObject({ contactId });
  });

  it("goes to the contact that remains where two are joined at the same moment", async () => {
    const [joined, remaining] = [await started(), await started({ to: { userId: "ES.1" } })];
    for (const { conversationId } of [joined, remaining]) await end(conversationId, "closed");
    const writing: ReturnType<typeof start>[] = [];
    await sql.begin(async (tx) => {
      await tx`select from contacts where id = ${joined.contactId} for update`;
      writing.push(start({ to: { contactId: joined.contactId } }));
      const isBlocked = async () =>
        (
          await sql`
        select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
        ).length > 0;
      await waitFor(isBlocked, { what: "writing first waits for the contact" });
      await tx`update contacts set joined_into_id = ${remaining.contactId} where id = ${joined.contactId}`;
    });
    expect(await Promise.all(writing)).toMatchObject([{ contactId: remaining.contactId }]);
  });

  it("happens once for a caller's key, however often it is asked at once", async () => {
    const ask = { verb: "start-conversation", key: "k", actor: byAgent(OWN), request: { to: PHONE } };
    const replies = await Promise.all(Array.from({ length: 4 }, () => answerOnce(asRole, ask, () => start())));
    const again = await answerOnce(asRole, ask, () => start());
    const done = replies.filter((reply) => "sendId" in reply);
    expect(done.length).toBeGreaterThan(0);
    for (const reply of done) expect(reply).toEqual(again);
    expect([await count("conversations"), await count("sends"), await count("contacts")]).toEqual([1, 1, 1]);
  });
});
