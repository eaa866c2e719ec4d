import { sightOf, type Asker } from "@turno/conversation";
import { connectToDatabase, type Sql } from "@turno/database";
import { createTestDatabase, stageAgent, stageId, type TestDatabase } from "@turno/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { takeHistories } from "../src/closing/pending-histories.ts";
import { listConversations, type ConversationList, type ListedState } from "../src/lists/list-conversations.ts";
import { listPresent, readChanges } from "../src/lists/message-changes.ts";
import { readMessages, readTimeline } from "../src/lists/read-conversation.ts";
import { createBuiltInTicketStore } from "../src/tickets/built-in-store.ts";
import { listLinked, listOfContacts, onlySeen } from "../src/tickets/seen-tickets.ts";

const [GROUP, CONVERSATION] = [stageId(1), stageId(4)];
/** By which each view of a conversation finds the one that continues it. */
const CONTINUES = "conversations_continues_idx";
const OPERATOR: Asker = { kind: "agent", agentId: stageAgent(0), role: "operator", groupIds: [GROUP] };
const SERVICE: Asker = { kind: "service", name: "developer", groupIds: "all" };

let database: TestDatabase;
let sql: Sql;
beforeEach(async () => {
  database = await createTestDatabase();
  sql = connectToDatabase(database.url, { connectionsMax: 1, name: "plans" });
});
afterEach(async () => {
  await sql.end({ timeout: 1 });
  await database.drop();
});

/** The indexes of tables that grow which the built statements of a request are planned to read, without their values. */
async function indexesOf(request: (recorded: Sql) => Promise<unknown>): Promise<string[]> {
  const texts: string[] = [];
  const record = (...args: Parameters<Sql["unsafe"]>) => {
    texts.push(args[0]);
    return sql.unsafe(...args);
  };
  await request(
    new Proxy(sql, {
      get: (target, key) => (key === "unsafe" ? record : (Reflect.get(target, key) as unknown)),
    }),
  );
  expect(texts).not.toEqual([]);
  const plans = await Promise.all(texts.map((text) => sql.unsafe(`explain (generic_plan) ${text}`).values()));
  const lines = plans.flat(2).map(String);
  const large = lines.flatMap(
    (line) => /using ((?:conversations|messages|events|tickets|ticket_\w+)_\w+) on/.exec(line) ?? [],
  );
  const whole = lines.flatMap((line) => /Seq Scan on (?:conversations|messages|events|tickets)\b/.exec(line) ?? []);
  expect(whole).toEqual([]);
  return [...new Set(large.filter((name) => !name.startsWith("using")))].toSorted();
}

describe("without the values, each is planned by the index that is made for it:", () => {
  const list = (state: ListedState, more: Partial<ConversationList> = {}): ConversationList => {
    return { state, groupId: null, agentId: null, isByWaiting: false, after: null, limit: 50, ...more };
  };

  it("the queues", async () => {
    const [first, next] = [list("queued"), list("queued", { after: `0.${CONVERSATION}` })];
    expect(await indexesOf((recorded) => listConversations(recorded, OPERATOR, first))).toEqual([
      CONTINUES,
      "conversations_queue_idx",
    ]);
    expect(await indexesOf((recorded) => listConversations(recorded, SERVICE, next))).toEqual([
      CONTINUES,
      "conversations_queue_idx",
    ]);
  });

  it.each(["active", "expired", "closed"] as const)("the %s ones of groups, and an agent's own", async (state) => {
    const [ofAgent, ofGroup] = ["conversations_agent_id_state_idx", "conversations_group_id_state_idx"];
    const named = [ofAgent, CONTINUES, ofGroup, "conversations_pkey"];
    expect(await indexesOf((recorded) => listConversations(recorded, OPERATOR, list(state)))).toEqual(named);
  });

  it.each(["queued", "active"] as const)(
    "the %s ones, longest unanswered first, of what is open alone",
    async (state) => {
      const byWaiting = list(state, { isByWaiting: true });
      const indexes = await indexesOf((recorded) => listConversations(recorded, OPERATOR, byWaiting));
      const open = ["conversations_agent_id_state_idx", "conversations_group_id_state_idx", "conversations_queue_idx"];
      expect([...open, CONTINUES, "conversations_pkey"]).toEqual(expect.arrayContaining(indexes));
    },
  );

  it("a page of messages, of a timeline and of tickets", async () => {
    await sql`
      insert into conversations (id, channel_id, contact_id, group_id, state, opened_at, queued_at, check_at, sequence)
      values (${CONVERSATION}, ${stageId(3)}, ${stageId(2)}, ${GROUP}, 'queued', now(), now(), now(), 0)`;
    await sql`insert into groups (id, name, distribution) values (${GROUP}, 'G', 'manual')`;
    await sql`insert into contacts (id, created_at) values (${stageId(2)}, now())`;
    await sql`insert into channels (id, phone_number_id, name, group_id) values (${stageId(3)}, '1', 'C', ${GROUP})`;
    const page = { conversationId: CONVERSATION, limit: 50 };
    expect(await indexesOf((recorded) => readMessages(recorded, SERVICE, { ...page, before: CONVERSATION }))).toEqual([
      CONTINUES,
      "conversations_pkey",
      "messages_pkey",
      "messages_said_idx",
    ]);
    expect(await indexesOf((recorded) => readTimeline(recorded, SERVICE, { ...page, afterSequence: 0 }))).toEqual([
      CONTINUES,
      "conversations_pkey",
      "events_entity_id_sequence_idx",
    ]);
    const search = { text: "", status: "open" as const, requesterId: null, beforeNumber: 9, limit: 50, among: null };
    expect(
      await indexesOf((recorded) => createBuiltInTicketStore(recorded, () => CONVERSATION).search(search)),
    ).toEqual(["tickets_status_idx"]);
  });

  it("which tickets an agent or an operator sees", async () => {
    const agent: Asker = { kind: "agent", agentId: stageAgent(1), role: "agent", groupIds: [GROUP] };
    const some = [{ id: CONVERSATION, requesterId: stageId(2) }];
    const states = ["conversations_agent_id_state_idx", "conversations_group_id_state_idx", "conversations_queue_idx"];
    const open = [...states, "conversations_contact_id_idx"];
    for (const [asker, linked] of [
      [agent, "conversations_nobodys_ticket_idx"],
      [OPERATOR, "conversations_group_id_ticket_idx"],
    ] as const) {
      const sight = sightOf(asker);
      expect(await indexesOf((recorded) => listLinked(recorded, sight, 9, 50))).toEqual([
        "conversations_agent_id_ticket_idx",
        linked,
      ]);
      expect(open).toEqual(expect.arrayContaining(await indexesOf((recorded) => listOfContacts(recorded, sight))));
      expect(open).toEqual(expect.arrayContaining(await indexesOf((recorded) => onlySeen(recorded, sight, some))));
    }
  });

  it("what a contact changed of what it had said", async () => {
    expect(await indexesOf((recorded) => readChanges(recorded, [CONVERSATION]))).toEqual(["messages_change_idx"]);
    expect(await indexesOf((recorded) => listPresent(recorded, CONVERSATION, ["wamid"]))).toEqual([
      "messages_key_unique",
    ]);
  });

  it("a history that is taken by its conversation", async () => {
    const options = { conversationId: CONVERSATION, limit: 1, leaseMs: 1_000 };
    expect(await indexesOf((recorded) => takeHistories(recorded, options))).toEqual(["ticket_histories_pkey"]);
  });
});
