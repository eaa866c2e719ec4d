import { connectToDatabase, type Sql } from "@turno/database";
import { applyInbound, blockContact, closeAsSpam, joinAsked, unblockContact } from "@turno/router";
import { createIdSource } from "@turno/runtime";
import { requestSend, startConversation } from "@turno/session-tracker";
import { createTestDatabase, STAGE_GROUP, stageAgent, stageId, toLine, type TestDatabase } from "@turno/testing";
import { interpretLine } from "@turno/whatsapp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const createId = createIdSource();
const RACES = Number(process.env["BLOCKING_RACES"] ?? 30);
const OTHER_GROUP = stageId(1, 1);
const [AGENT, OPERATOR, OTHERS_OPERATOR, ADMIN] = [0, 1, 2, 3];
const byAgent = (index: number) => ({ kind: "agent" as const, agentId: stageAgent(index) });

let database: TestDatabase;
/** As the services connect, with the rights of their roles; and as who owns the tables, to look. */
let router: Sql;
let tracker: Sql;
let sql: Sql;
beforeAll(async () => {
  database = await createTestDatabase();
  router = connectToDatabase(database.urlOf("router"), { connectionsMax: 6, name: "nuisance" });
  tracker = connectToDatabase(database.urlOf("session-tracker"), { connectionsMax: 3, name: "nuisance" });
  sql = connectToDatabase(database.url, { connectionsMax: 2, name: "nuisance-look" });
  await sql`
    insert into groups (id, name, distribution)
    values (${STAGE_GROUP}, 'Support', 'automatic'), (${OTHER_GROUP}, 'Other', 'manual')`;
  for (const [index, role, groupId] of [
    [AGENT, "agent", STAGE_GROUP],
    [OPERATOR, "operator", STAGE_GROUP],
    [OTHERS_OPERATOR, "operator", OTHER_GROUP],
    [ADMIN, "admin", null],
  ] as const) {
    const availability = index === AGENT ? "available" : "away";
    await sql`
      insert into agents (id, name, role, availability) values (${stageAgent(index)}, ${`Agent ${index}`}, ${role}, ${availability})`;
    if (groupId === null) continue;
    await sql`insert into group_members (group_id, agent_id) values (${groupId}, ${stageAgent(index)})`;
  }
  await sql`
    insert into channels (id, phone_number_id, account_id, name, group_id)
    values (${stageId(3)}, '123', '100', 'Main', ${STAGE_GROUP}), (${stageId(3, 1)}, '456', '100', 'Other', ${OTHER_GROUP})`;
  await sql`
    insert into templates (account_id, name, language, template_id, status, category, components, changed_at)
    values ('100', 'hello', 'es', '1', 'APPROVED', 'UTILITY', '[]', now())`;
  await sql`insert into template_lists (account_id, read_at) values ('100', now())`;
});
afterAll(async () => {
  await Promise.all([sql.end(), router.end(), tracker.end()]);
  await database.drop();
});

let last = 0;
function write(named: { userId?: string; phone?: string }, phoneNumberId = "123") {
  const { json } = toLine({ ...named, id: `wamid.${++last}`, phoneNumberId });
  return applyInbound(router, { reader: null, moves: [], items: [interpretLine(json)], createId });
}

async function contactOf(userId: string): Promise<string> {
  const [row] = await sql<{ id: string }[]>`
    select contact_id as id from contact_identities where (kind, value) = ('user', ${userId})`;
  if (row === undefined) throw new Error(`nobody is ${userId}`);
  return row.id;
}

const conversationsOf = (contactId: string) => sql<{ id: string; state: string }[]>`
  select id, state from conversations where contact_id = ${contactId} order by opened_at, id`;
const openOf = async (contactId: string) =>
  (await conversationsOf(contactId)).filter(({ state }) => state === "queued" || state === "active");
const block = (contactId: string, by = ADMIN, reason = "Advertising") =>
  blockContact(router, { actor: byAgent(by), contactId, reason }, createId);
const unblock = (contactId: string) => unblockContact(router, { actor: byAgent(ADMIN), contactId }, createId);
const spam = (conversationId: string, by: number, options: { block?: boolean } = {}) =>
  closeAsSpam(router, { actor: byAgent(by), conversationId, block: false, ...options }, createId);
const template = { type: "template" as const, name: "hello", language: "es", components: [] };
const start = (contactId: string) =>
  startConversation(
    tracker,
    {
      actor: byAgent(ADMIN),
      agentId: stageAgent(AGENT),
      channelId: stageId(3),
      to: { contactId },
      message: template,
      force: true,
    },
    { createId, readTemplates: () => Promise.resolve() },
  );
const eventsOf = (entityId: string) => sql<{ type: string; data: Record<string, unknown> }[]>`
  select type, data from events where entity_id = ${entityId} order by sequence`;

/** What a conversation's end, an agent's load and a timeline may not contradict. */
async function findFaults() {
  return sql`
    select 'an open conversation of a blocked contact' as fault, conversation.id from conversations as conversation
    join contacts as contact on contact.id = contact_id
    where state in ('queued', 'active') and blocked_at is not null
    union all
    select 'a wrong load', id from agents where active_count <> (
      select count(*) from conversations where agent_id = agents.id and state = 'active')
    union all
    select 'a gap in a timeline', entity_id from events group by entity_id having max(sequence) <> count(*)`;
}

describe("blocking a contact", () => {
  it("ends all that it has open as spam, keeps what it writes, opens nothing, and is told to the second who does it", async () => {
    await write({ userId: "US.1" });
    await write({ userId: "US.1" }, "456");
    const contactId = await contactOf("US.1");
    expect((await openOf(contactId)).map(({ state }) => state).toSorted()).toEqual(["active", "queued"]);
    const done = await block(contactId);
    const conversations = await conversationsOf(contactId);
    expect(done).toMatchObject({ contactId, closedConversationIds: expect.any(Array) as string[] });
    expect(conversations.map(({ state }) => state)).toEqual(["closed", "closed"]);
    for (const { id } of conversations) {
      const ended = (await eventsOf(id)).at(-1);
      expect(ended).toMatchObject({
        type: "conversation.closed",
        data: { how: "closed", reason: "spam", ticketId: null },
      });
    }
    await write({ userId: "US.1" });
    await write({ userId: "US.1" }, "456");
    expect(await openOf(contactId)).toEqual([]);
    expect(
      await sql`select conversation_id as "of" from messages where contact_id = ${contactId} order by received_at`,
    ).toMatchObject([{}, {}, { of: null }, { of: null }]);
    expect(await block(contactId, OPERATOR)).toMatchObject({
      code: "contact-blocked",
      details: { by: "Agent 3", reason: "Advertising" },
    });
    expect((await eventsOf(contactId)).map(({ type, data }) => [type, data["reason"]])).toEqual([
      ["contact.blocked", "Advertising"],
    ]);
    expect(await findFaults()).toEqual([]);
  });

  it("refuses what is sent to it: a first message, and a template on what has expired", async () => {
    await write({ userId: "US.2" });
    const contactId = await contactOf("US.2");
    const [expired] = await openOf(contactId);
    await sql`update conversations set state = 'expired' where id = ${expired?.id ?? ""}`;
    await sql`update assignments set ended_at = now() where conversation_id = ${expired?.id ?? ""}`;
    await sql`update agents set active_count = active_count - 1 where id = ${stageAgent(AGENT)}`;
    await block(contactId);
    const ask = { actor: byAgent(ADMIN), agentId: stageAgent(AGENT), conversationId: expired?.id ?? "", force: true };
    const how = { createId, readTemplates: () => Promise.resolve() };
    expect(await requestSend(tracker, { ...ask, message: template }, how)).toMatchObject({ code: "contact-blocked" });
    expect(await start(contactId)).toMatchObject({ code: "contact-blocked" });
    expect(await spam(expired?.id ?? "", ADMIN, { block: true })).toMatchObject({ how: "finalised", isBlocked: false });
    expect(await findFaults()).toEqual([]);
  });

  it("ends with unblocking: the next message takes a turn as any, and the second to unblock is told", async () => {
    await write({ userId: "US.3" });
    const contactId = await contactOf("US.3");
    await block(contactId);
    await write({ userId: "US.3" });
    expect(await unblock(contactId)).toEqual({ contactId });
    expect(await unblock(contactId)).toMatchObject({ code: "contact-not-blocked" });
    expect(await openOf(contactId)).toEqual([]);
    await write({ userId: "US.3" });
    expect(await openOf(contactId)).toMatchObject([{ state: "active" }]);
    expect(await findFaults()).toEqual([]);
  });

  it("is for operators of a group that had to do with it, who may also end all of what it has open, and for admins", async () => {
    await write({ userId: "US.4" });
    const contactId = await contactOf("US.4");
    for (const index of [AGENT, OTHERS_OPERATOR]) {
      expect(await block(contactId, index)).toMatchObject({ code: "not-permitted" });
    }
    await write({ userId: "US.4" }, "456");
    expect(await block(contactId, OPERATOR)).toMatchObject({
      code: "not-permitted",
      message: expect.stringContaining("another group") as string,
    });
    expect(await openOf(contactId)).toHaveLength(2);
    expect(await block(contactId, ADMIN)).toMatchObject({ contactId });
    expect(await block(stageId(9), OPERATOR)).toMatchObject({ code: "not-permitted" });
    expect(await block(stageId(9), ADMIN)).toMatchObject({ code: "not-found" });
  });

  it("goes on for both where one of two who are joined was blocked, and ends what the other one had open", async () => {
    for (const [blocked, free] of [
      ["US.5", "US.6"],
      ["US.8", "US.7"],
    ] as const) {
      for (const userId of [blocked, free].toSorted()) await write({ userId });
      const [contactId, otherId] = [await contactOf(blocked), await contactOf(free)];
      await block(contactId);
      expect(await openOf(otherId)).toHaveLength(1);
      const joined = await joinAsked(router, { actor: byAgent(ADMIN), contactId, otherId }, createId);
      const remaining = "contactId" in joined ? joined.contactId : "";
      expect(await openOf(remaining)).toEqual([]);
      for (const userId of [blocked, free]) await write({ userId });
      expect(await openOf(remaining)).toEqual([]);
      const types = (await eventsOf(remaining)).map(({ type }) => type);
      expect(types.filter((type) => type === "contact.blocked")).toHaveLength(1);
      expect(await block(contactId)).toMatchObject({ code: "contact-blocked" });
    }
    expect(await findFaults()).toEqual([]);
  });
});

describe("closing as spam", () => {
  it("needs no ticket, frees the place, and is for agents only where their group lets them", async () => {
    await write({ userId: "US.10" });
    const contactId = await contactOf("US.10");
    const [{ id } = { id: "" }] = await openOf(contactId);
    expect(await spam(id, AGENT)).toMatchObject({ code: "not-permitted" });
    await sql`update groups set agents_may_close_as_spam = true where id = ${STAGE_GROUP}`;
    expect(await spam(id, AGENT, { block: true })).toMatchObject({ code: "not-permitted" });
    expect(await openOf(contactId)).toHaveLength(1);
    expect(await spam(id, AGENT)).toMatchObject({ conversationId: id, how: "closed", isBlocked: false });
    expect(await spam(id, OPERATOR)).toMatchObject({ code: "conversation-closed", details: { by: "Agent 0" } });
    await sql`update groups set agents_may_close_as_spam = false where id = ${STAGE_GROUP}`;
    expect(await sql`select from ticket_histories where conversation_id = ${id}`).toEqual([]);
    expect(await findFaults()).toEqual([]);
  });

  it("also blocks the contact, where that is asked for, or does neither", async () => {
    await write({ userId: "US.11" });
    await write({ userId: "US.11" }, "456");
    const contactId = await contactOf("US.11");
    const open = await openOf(contactId);
    const own = open.find(({ state }) => state === "active")?.id ?? "";
    expect(await spam(own, OPERATOR, { block: true })).toMatchObject({ code: "not-permitted" });
    expect(await openOf(contactId)).toEqual(open);
    expect(await spam(own, ADMIN, { block: true })).toMatchObject({ how: "closed", isBlocked: true });
    expect(await openOf(contactId)).toEqual([]);
    expect((await eventsOf(contactId)).map(({ type, data }) => [type, data["reason"]])).toEqual([
      ["contact.blocked", "spam"],
    ]);
    expect(await findFaults()).toEqual([]);
  });
});

describe(`${RACES} races of a block, the contact's message and somebody who writes first`, () => {
  it("leave no open conversation of a blocked contact", async () => {
    const told = new Set<string>();
    for (let number = 0; number < RACES; number++) {
      const userId = `US.race${number}`;
      await write({ userId });
      const contactId = await contactOf(userId);
      if (number % 2 === 0) {
        const [{ id } = { id: "" }] = await openOf(contactId);
        await spam(id, ADMIN);
      }
      const doings = [() => write({ userId }), () => block(contactId), () => start(contactId)];
      const shift = number % 3;
      const order = [...doings.slice(shift), ...doings.slice(0, shift)];
      const answers = await Promise.all(order.map((run) => run()));
      for (const answer of answers) told.add("code" in answer ? answer.code : "done");
      expect({ number, open: await openOf(contactId) }).toEqual({ number, open: [] });
    }
    expect(told.has("done") && told.has("contact-blocked")).toBe(true);
    expect(await findFaults()).toEqual([]);
  }, 300_000);
});
