import {
  applyInbound,
  assignQueued,
  claim,
  claimNext,
  configure,
  connectToDatabase,
  createBuiltInTicketStore,
  requestSend,
  requeueDue,
  setAvailability,
  sweepDue,
  transfer,
  type InboundItem,
  type Sql,
} from "@turno/database";
import { createTestDatabase, stageAgent, stageId, waitFor, type TestDatabase } from "@turno/testing";
import type { CommandHandlers } from "@turno/messaging";
import { v7 as createId } from "uuid";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createCommandHandlers } from "../src/commands.ts";
import { createHistories, type Histories } from "../src/histories.ts";

const RUNS = Number(process.env["MODEL_RUNS"] ?? 120);
const STEPS = 30;
/** How many commands are on their way at once. */
const AT_ONCE = 5;
const AGENTS = 20;
const OPERATORS = 3;
const CUSTOMERS = 12;
const GROUPS = [stageId(1, 0), stageId(1, 1)] as const;
const CHANNEL = "123";
const service = { kind: "service", name: "model" } as const;

let database: TestDatabase;
let sql: Sql;
let histories: Histories;
let handlers: Required<CommandHandlers>;
const failures: unknown[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connectToDatabase(database.url, { connectionsMax: 8, name: "model" });
  const store = createBuiltInTicketStore(sql, createId);
  const noteFailure = (error: unknown) => void failures.push(error);
  histories = createHistories({ sql, store, onAdded: () => undefined, onFailure: noteFailure });
  handlers = createCommandHandlers(sql, store, histories.add, createId) as Required<CommandHandlers>;
  await sql`create table test_clock (shift interval not null)`;
  await sql`insert into test_clock values ('0')`;
  await sql`
    create or replace function turno_now() returns timestamptz language sql volatile
    as 'select clock_timestamp() + shift from test_clock'`;
  // Everything that arrived has taken effect: expiry may go on.
  await sql`
    insert into log_positions (consumer, shard, partition, stream_id, sequence, watermark_at)
    values ('router', '0', 0, 'model', 0, '2100-01-01')`;
  await sql`
    insert into templates (account_id, name, language, template_id, status, category, components, changed_at)
    values ('100', 'hello', 'es', '1', 'APPROVED', 'UTILITY', '[{"type":"BODY","text":"Hola"}]', now())`;
  const people = (count: number, from: number, role: "agent" | "operator") =>
    Array.from({ length: count }, (_, index) => ({
      id: stageAgent(from + index),
      name: `${role} ${index}`,
      role,
      capacity: role === "agent" ? 2 : null,
      groupIds: index % 3 === 2 ? [...GROUPS] : [GROUPS[index % 2] ?? GROUPS[0]],
    }));
  const group = { needsPresence: false, returningWithinDays: 0, returningWaitSeconds: 0, absentRequeueSeconds: 0 };
  await configure(sql, {
    actor: service,
    groups: [
      {
        ...group,
        id: GROUPS[0],
        name: "A",
        distribution: "automatic",
        closingNeedsTicket: true,
        firstAnswerSeconds: 3_600,
      },
      { ...group, id: GROUPS[1], name: "B", distribution: "manual", closingNeedsTicket: true, firstAnswerSeconds: 0 },
    ],
    agents: [...people(AGENTS, 0, "agent"), ...people(OPERATORS, 100, "operator")],
    channels: [{ id: stageId(3), phoneNumberId: CHANNEL, accountId: "100", name: "C", groupId: GROUPS[0] }],
  });
});
afterAll(async () => {
  await histories.stop();
  await sql.end({ timeout: 1 });
  await database.drop();
});

function createRandom(seed: number) {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  return { below: (count: number) => Math.floor(next() * count), chance: (share: number) => next() < share };
}
type Random = ReturnType<typeof createRandom>;

let wrote = 0;
async function write(customer: number): Promise<void> {
  const [clock] = await sql<{ now: Date }[]>`select turno_now() as now`;
  const now = clock?.now ?? new Date();
  wrote += 1;
  const key = `msg:${wrote}`;
  const identities = { userId: `US.${customer}`, parentUserId: null, phone: null, phoneKey: null };
  const common = { key, sentAt: now, receivedAt: now, identities, content: '{"text":{"body":"hola"}}' };
  const opening = { opensConversation: true, renewsSession: true, profile: { name: null, username: null } };
  const update = { ...common, ...opening, kind: "interaction" as const, type: "text" };
  const place = { key, field: "messages", line: "{}", receivedAt: now, phoneNumberId: CHANNEL };
  const item: InboundItem = { ...place, kind: "update", update };
  await applyInbound(sql, { reader: null, moves: [], items: [item], createId });
  await assignQueued(sql, GROUPS[0], createId);
}

/** One random command, asked by somebody; whatever the rules say of it is fine, as long as they say it. */
function choose(random: Random, conversationIds: readonly string[]): () => Promise<unknown> {
  const agentId = random.chance(0.2) ? stageAgent(100 + random.below(OPERATORS)) : stageAgent(random.below(AGENTS));
  const actor = { kind: "agent" as const, agentId };
  const conversationId = conversationIds[random.below(conversationIds.length)] ?? stageId(9);
  const of = { actor, conversationId };
  // A program may do what an agent may not: without it most of what is tried would be refused.
  const by = { conversationId, actor: random.chance(0.6) ? service : actor };
  const ticket = { number: 1 + random.below(20) };
  const to = random.chance(0.5)
    ? { agentId: stageAgent(random.below(AGENTS)) }
    : { groupId: GROUPS[random.below(2)] ?? GROUPS[0] };
  const text = { type: "text" as const, body: "hola", previewUrl: false };
  const template = { type: "template" as const, name: "hello", language: "es", components: [] };
  const send = { marginMs: 60_000, createId };
  const options: (() => Promise<unknown>)[] = [
    () => write(random.below(CUSTOMERS)),
    () => write(random.below(CUSTOMERS)),
    () => claim(sql, { ...of, agentId }, createId),
    () => claimNext(sql, { actor, agentId, groupId: undefined }, createId),
    () => transfer(sql, { ...of, to, force: random.chance(0.3), reason: undefined }, createId),
    () =>
      setAvailability(
        sql,
        { actor, agentId, availability: random.chance(0.7) ? "available" : "away", capacity: undefined },
        createId,
      ),
    () => requestSend(sql, { ...of, agentId, message: text }, send),
    () => requestSend(sql, { ...by, agentId, message: template }, send),
    () => handlers["create-ticket"]({ ...by, subject: "Model", body: "" }),
    () => handlers["link-ticket"]({ ...by, ticket }),
    () => handlers["propose-ticket-link"]({ actor: service, conversationId, ticket }),
    () => handlers["confirm-ticket-link"]({ ...by, ticketId: undefined }),
    () => handlers["reject-ticket-link"]({ ...by, ticketId: undefined }),
    () => handlers.close(by),
    () => handlers.close(by),
    () => handlers.finalise(by),
    () => assignQueued(sql, GROUPS[0], createId),
    () => requeueDue(sql, { limit: 50, lookBackSeconds: null, createId }),
    async () => {
      await sql`update test_clock set shift = shift + ${random.below(300)} * interval '1 minute'`;
      await sweepDue(sql, { warningMinutes: [60, 15], limit: 100, createId });
    },
  ];
  const chosen = options[random.below(options.length)] ?? write;
  // Some commands are sent twice at the same moment: a double click, two agents who see the same conversation.
  return random.chance(0.2) ? () => Promise.all([chosen(0), chosen(0)]) : () => chosen(0);
}

async function run(random: Random): Promise<void> {
  for (let step = 0; step < STEPS; step += AT_ONCE) {
    const rows = await sql<{ id: string }[]>`
      (select id from conversations where state <> 'closed' order by id desc limit 12)
      union all (select id from conversations order by id desc limit 5)`;
    const ids = rows.map(({ id }) => id);
    await Promise.all(Array.from({ length: AT_ONCE }, () => choose(random, ids)()));
  }
}

/** Everything that is not as it must be, by the name of what it breaks. */
async function readBreaches(): Promise<Record<string, number>> {
  await waitFor(async () => (await sql`select from ticket_histories limit 1`).length === 0, {
    what: "histories are added",
  });
  const [row] = await sql<Record<string, number>[]>`
    select
      (select count(*)::int from agents where active_count <> (
        select count(*) from conversations where agent_id = agents.id and state = 'active')) as "load",
      (select count(*)::int from conversations where state = 'active' and not exists (
        select from assignments where conversation_id = conversations.id and ended_at is null
          and assignments.agent_id = conversations.agent_id)) as "noAssignment",
      (select count(*)::int from assignments where ended_at is null and not exists (
        select from conversations where id = conversation_id and state = 'active')) as "deadAssignment",
      (select count(*)::int from (select 1 from conversations where state in ('queued', 'active')
        group by contact_id, channel_id having count(*) > 1) as twice) as "twoOpen",
      (select count(*)::int from conversations where state = 'closed' and ticket_link is distinct from 'confirmed') as "noTicket",
      (select count(*)::int from conversations where (state = 'closed') <> (
        (select count(*) from events where entity_id = conversations.id and type = 'conversation.closed') = 1)) as "ends",
      (select count(*)::int from conversations where (state = 'closed')::int <> (
        select count(*) from ticket_actions where key = 'conversation:' || conversations.id)) as "histories",
      (select count(*)::int from ticket_actions join conversations on key = 'conversation:' || conversations.id
        where ticket_actions.ticket_id <> conversations.ticket_id) as "wrongTicket",
      (select count(*)::int from (select 1 from events group by entity_id
        having min(sequence) <> 1 or max(sequence) <> count(*)) as gaps) as "gaps",
      (select count(*)::int from conversations where sequence <> (
        select max(sequence) from events where entity_id = conversations.id)) as "sequence",
      (select count(*)::int from (select position < lag(position) over (partition by entity_id order by sequence) as is_back
        from events) as placed where is_back) as "order",
      (select count(*)::int from (select 1 from conversations where continues_conversation_id is not null and state <> 'failed'
        group by continues_conversation_id having count(*) > 1) as twice) as "reopenedTwice"`;
  return Object.fromEntries(Object.entries(row ?? {}).filter(([, count]) => count !== 0));
}

const EVENT_TYPES = [
  "conversation.assigned",
  "conversation.closed closed",
  "conversation.closed finalised",
  "conversation.expired",
  "conversation.reopened",
  "conversation.transferred",
  "message.requested",
  "ticket.confirmed",
  "ticket.proposed",
  "ticket.rejected",
];

describe(`random commands of ${AGENTS} agents and ${OPERATORS} operators, ${AT_ONCE} at once (${RUNS} runs of ${STEPS} steps)`, () => {
  it(
    "keep every invariant, and no command fails",
    async () => {
      for (let seed = 1; seed <= RUNS; seed++) {
        await run(createRandom(seed * 7_919));
        const breaches = seed % 10 === 0 || seed === RUNS ? await readBreaches() : {};
        if (Object.keys(breaches).length > 0) throw new Error(`after run ${seed}: ${JSON.stringify(breaches)}`);
      }
      expect(failures).toEqual([]);
      const rows = await sql<{ type: string; count: number }[]>`
        select type || coalesce(' ' || (data ->> 'how'), '') as type, count(*)::int as count from events group by 1`;
      const seen = new Map(rows.map(({ type, count }) => [type, count]));
      // It was worth it: whatever can happen to a conversation happened.
      expect(EVENT_TYPES.filter((type) => !seen.has(type))).toEqual([]);
    },
    Math.max(120_000, RUNS * 1_000),
  );
});
