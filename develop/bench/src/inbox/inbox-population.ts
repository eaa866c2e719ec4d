import type { Sql, Transaction } from "@turno/database";
import type { TicketText } from "./ticket-text.ts";

const idOf = (kind: number, index: number) =>
  `00000000-0000-7000-8000-${String(kind).padStart(4, "0")}${String(index).padStart(8, "0")}`;

const [GROUPS, AGENTS, CHANNELS] = [20, 400, 5];
const AGENTS_PER_GROUP = AGENTS / GROUPS;
/** An operator of most groups, and an admin; they have no conversations. */
const [OPERATOR, ADMIN] = [AGENTS, AGENTS + 1];
export const OPERATOR_GROUPS = 12;

export const groupIdOf = (index: number): string => idOf(1, index);
export const inboxAgentIdOf = (index: number): string => idOf(2, index);
export const PEOPLE = { agent: inboxAgentIdOf(0), operator: inboxAgentIdOf(OPERATOR), admin: inboxAgentIdOf(ADMIN) };
/** Of these conversations many messages are kept: every thousandth. */
const LONG_EVERY = 1_000;
const LONG_MESSAGES = 300;
export const CONVERSATIONS_PER_TICKET = 5;

const TICKETS_AT_ONCE = 5_000;

/**
 * A million conversations as they lie after two years: most closed; of those of the last day, a fifth of all, some are still
 * queued, active or expired. Groups and agents differ much in size. Written by the database itself, whose hash of the conversation's number
 * takes the place of chance.
 */
export async function populateInbox(sql: Sql, conversations: number, tickets: readonly TicketText[]): Promise<void> {
  await writeFunctions(sql);
  await writePeople(sql);
  await fill(sql, (tx) => writeContacts(tx, conversations));
  await Promise.all([fill(sql, (tx) => writeConversations(tx, conversations)), writeTickets(sql, tickets)]);
  await Promise.all([fill(sql, writeMessages), fill(sql, writeEvents)]);
  await sql`
    update agents set active_count = (
      select count(*) from conversations where state = 'active' and agent_id = agents.id)`;
  const alone = await sql.reserve();
  await alone`set statement_timeout = 0`;
  await alone`vacuum analyze`;
  await alone`checkpoint`;
  await alone`reset statement_timeout`;
  alone.release();
}

/** What is written refers to what is there: checking each reference would take half of the time. */
function fill(sql: Sql, write: (tx: Transaction) => Promise<unknown>): Promise<unknown> {
  return sql.begin(async (tx) => {
    await tx`set local statement_timeout = 0`;
    await tx`set local synchronous_commit = off`;
    await tx`set local session_replication_role = replica`;
    await write(tx);
  });
}

async function writeFunctions(sql: Sql): Promise<void> {
  await sql`
    create function bench_id(kind int, n int) returns uuid language sql immutable
    return ('00000000-0000-7000-8000-' || lpad(kind::text, 4, '0') || lpad(n::text, 8, '0'))::uuid`;
  await sql`
    create function bench_chance(n int, draw int) returns float8 language sql immutable
    return (hashint8extended(n, draw) & 1048575) / 1048576.0`;
}

async function writePeople(sql: Sql): Promise<void> {
  const people = Array.from({ length: AGENTS + 2 }, (_, index) => ({
    id: inboxAgentIdOf(index),
    name: `Agent ${index}`,
    role: index === OPERATOR ? "operator" : index === ADMIN ? "admin" : "agent",
  }));
  const members = Array.from({ length: AGENTS }, (_, index) => ({
    agent: inboxAgentIdOf(index),
    group: index % GROUPS,
  }));
  // Every fourth agent helps out in the next group.
  for (let index = 0; index < AGENTS; index += 4) {
    members.push({ agent: inboxAgentIdOf(index), group: (index + 1) % GROUPS });
  }
  for (let group = 0; group < OPERATOR_GROUPS; group++) members.push({ agent: PEOPLE.operator, group });
  const memberRows = members.map(({ agent, group }) => ({ agent, group: groupIdOf(group) }));
  await sql`
    insert into groups (id, name, distribution)
    select bench_id(1, n), 'Group ' || n, 'manual'
    from generate_series(0, ${GROUPS - 1}::int) as n`;
  await sql`
    insert into agents (id, name, role) select id, name, role
    from json_to_recordset(${JSON.stringify(people)}::text::json) as person(id uuid, name text, role text)`;
  await sql`
    insert into group_members (group_id, agent_id) select "group", agent
    from json_to_recordset(${JSON.stringify(memberRows)}::text::json) as member("group" uuid, agent uuid)`;
  await sql`
    insert into channels (id, phone_number_id, account_id, name, group_id)
    select bench_id(3, n), (100000 + n)::text, '1', 'Number ' || n,
      ${groupIdOf(0)} from generate_series(0, ${CHANNELS - 1}::int) as n`;
}

/** Customers come back: there are fewer of them than conversations. */
const contactsOf = (conversations: number) => Math.ceil(conversations * 0.4);

function writeContacts(tx: Transaction, conversations: number): Promise<unknown> {
  return tx`
    insert into contacts (id, user_id, phone, name, created_at)
    select bench_id(4, n), 'ES.' || lpad(n::text, 15, '0'),
      (34600000000 + n)::text, 'Customer ' || n, now() - interval '2 years'
    from generate_series(0, ${contactsOf(conversations) - 1}::int) as n`;
}

async function writeConversations(tx: Transaction, conversations: number): Promise<void> {
  await tx`
    insert into conversations (id, channel_id, contact_id, group_id, state, agent_id, opened_at, queued_at, assigned_at,
      session_ends_at, check_at, ticket_id, ticket_number, ticket_link, sequence)
    select
      -- Version 7: an instant in milliseconds, then what tells conversations of that instant apart.
      (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid,
      bench_id(3, n % ${CHANNELS}::int),
      bench_id(4, n % ${contactsOf(conversations)}::int),
      bench_id(1, group_number),
      state,
      case when state = 'queued' or (state = 'expired' and n % 5 = 0) then null
        else bench_id(2, group_number + ${GROUPS}::int * place) end,
      at, at, case when state = 'queued' then null else at + interval '1 minute' end, at + interval '24 hours',
      at + interval '24 hours', ticket, case when ticket is not null then n / ${CONVERSATIONS_PER_TICKET}::int + 1 end,
      case when ticket is not null then 'confirmed' end,
      case when n % ${LONG_EVERY}::int = 0 then ${LONG_MESSAGES}::int else 2 end
    from (
      select n,
        now() - case when n < ${conversations}::int * 0.8
          then interval '1 day' + (${conversations}::int * 0.8 - n) * interval '78 seconds'
          else (${conversations}::int - n) * interval '1 day' / (${conversations}::int * 0.2) end as at,
        floor(${GROUPS}::int * bench_chance(n, 1) ^ 2)::int as group_number,
        floor(${AGENTS_PER_GROUP}::int * bench_chance(n, 2) ^ 2)::int as place,
        case
          when n < ${conversations}::int * 0.8 then 'closed'
          when bench_chance(n, 3) < 0.1 then 'queued'
          when bench_chance(n, 3) < 0.25 then 'active'
          when bench_chance(n, 3) < 0.45 then 'expired'
          when bench_chance(n, 3) < 0.455 then 'failed'
          else 'closed'
        end as state
      from generate_series(0, ${conversations - 1}::int) as n
    ) as drawn
    cross join lateral (
      select case when state = 'closed' and n % ${CONVERSATIONS_PER_TICKET}::int = 0
        then bench_id(5, n / ${CONVERSATIONS_PER_TICKET}::int + 1) end
        as ticket
    ) as linked
    order by n`;
}

function writeMessages(tx: Transaction): Promise<unknown> {
  return tx`
    insert into messages (id, key, conversation_id, contact_id, direction, kind, sent_at, received_at, payload)
    select uuidv7(opened_at - now() + part * interval '1 second'), 'msg:wamid.' || conversations.id || '.' || part,
      conversations.id, contact_id, 'in', 'text', opened_at, opened_at,
      json_build_object('type', 'text', 'text', json_build_object('body', repeat('hola ', 30)))
    from conversations, generate_series(1, case when sequence > 2 then sequence else 1 end) as part
    order by conversations.id, part`;
}

/** As many events as the conversation's sequence says. */
function writeEvents(tx: Transaction): Promise<unknown> {
  return tx`
    insert into events (id, type, entity_id, sequence, phone_number_id, occurred_at, data, position)
    select uuidv7(opened_at - now() + part * interval '1 second'),
      case when part = 1 then 'conversation.opened' else 'message.received' end, id, part, '100000',
      opened_at + part * interval '1 second',
      json_build_object('conversationId', id, 'contactId', contact_id, 'groupId', group_id), nextval('events_position')
    from conversations, generate_series(1, sequence) as part
    order by id, part`;
}

async function writeTickets(sql: Sql, tickets: readonly TicketText[]): Promise<void> {
  const count = tickets.length;
  await fill(sql, async (tx) => {
    for (let written = 0; written < count; written += TICKETS_AT_ONCE) {
      const rows = JSON.stringify(tickets.slice(written, written + TICKETS_AT_ONCE));
      await tx`
        insert into tickets (id, number, key, subject, body, requester_id, status, created_at, changed_at, changed_by)
        overriding system value
        select bench_id(5, number), number, 'ticket:' || number, subject, body,
          bench_id(4, (number - 1) * ${CONVERSATIONS_PER_TICKET}::int % ${contactsOf(count * CONVERSATIONS_PER_TICKET)}::int),
          status, at, at, '{"kind":"service","name":"bench"}'
        from json_to_recordset(${rows}::text::json) as ticket(number int, subject text, body text, status text)
        cross join lateral (select now() - (${count}::int - number) * interval '5 minutes' as at) as moment
        order by number`;
    }
    await tx`select setval(pg_get_serial_sequence('tickets', 'number'), ${count})`;
  });
}
