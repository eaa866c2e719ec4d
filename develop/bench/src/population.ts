import type { Sql } from "@turno/database";
import { CHANNEL, createMessage, phoneOf, userIdOf, type CustomerText } from "./webhooks.ts";
import { createRandom } from "@turno/simulator";

export const idOf = (kind: number, index = 0) =>
  `00000000-0000-7000-8000-${String(kind).padStart(4, "0")}${String(index).padStart(8, "0")}`;

const GROUP_ID = idOf(1);
export const agentIdOf = (index: number): string => idOf(2, index);
export const CHANNEL_ID = idOf(3);
const AGENTS = 20;

/** One automatic group behind one number. All agents are available, and take as much as comes unless a capacity is given. */
export async function writeConfiguration(sql: Sql, capacity: number | null = null): Promise<void> {
  await sql`insert into groups (id, name, distribution) values (${GROUP_ID}, 'Support', 'automatic')`;
  for (let index = 0; index < AGENTS; index++) {
    const id = agentIdOf(index);
    await sql`
      insert into agents (id, name, role, availability, capacity)
      values (${id}, ${`Agent ${index}`}, 'agent', 'available', ${capacity})`;
    await sql`insert into group_members (group_id, agent_id) values (${GROUP_ID}, ${id})`;
  }
  await sql`
    insert into channels (id, phone_number_id, account_id, name, group_id)
    values (${CHANNEL_ID}, ${CHANNEL.phoneNumberId}, ${CHANNEL.accountId}, 'Main', ${GROUP_ID})`;
}

const CHUNK = 50_000;

/** Every how many stored conversations is open; the others are closed, as in a system that has run for a while. */
const OPEN_EVERY = 10;
/** The population of each open conversation's sender: `0, 10, 20, …`. */
const openSenderOf = (index: number): number => index * OPEN_EVERY;

/** Stores conversations with their contact, two identities, assignment, message and three events, by the database itself. */
export async function populate(sql: Sql, conversations: number): Promise<void> {
  for (let first = 0; first < conversations; first += CHUNK) {
    await populateChunk(sql, first, Math.min(conversations, first + CHUNK) - 1);
  }
  await sql`
    update agents set active_count = (
      select count(*) from conversations where state = 'active' and agent_id = agents.id)`;
  await sql`vacuum analyze`;
  await sql`checkpoint`;
}

async function populateChunk(sql: Sql, first: number, last: number): Promise<void> {
  const userPrefix = userIdOf(0).slice(0, 3);
  const phoneBase = Number(phoneOf(0));
  await sql.begin(async (tx) => {
    await tx`set local statement_timeout = 0`;
    await tx`
      create temporary table stored on commit drop as
      select sender, uuidv7() as contact_id, uuidv7() as id, uuidv7() as message_id, uuidv7() as assignment_id,
        ${userPrefix} || lpad(sender::text, 15, '0') as user_id, (${phoneBase}::bigint + sender)::text as phone,
        (array(select id from agents order by id))[1 + sender % ${AGENTS}] as agent_id,
        sender % ${OPEN_EVERY} = 0 as is_open, now() - (1 + sender % 80000) * interval '1 second' as at
      from generate_series(${first}::int, ${last}::int) as sender`;
    await tx`
      insert into contacts (id, user_id, phone, name, created_at)
      select contact_id, user_id, phone, 'Customer ' || sender, at from stored`;
    await tx`
      insert into contact_identities (kind, value, contact_id)
      select 'user', user_id, contact_id from stored union all select 'phone', phone, contact_id from stored`;
    await tx`
      insert into conversations (id, channel_id, contact_id, group_id, state, agent_id, opened_at, queued_at, assigned_at,
        session_ends_at, check_at, sequence)
      select id, ${CHANNEL_ID}, contact_id, ${GROUP_ID}, case when is_open then 'active' else 'closed' end, agent_id, at, at,
        at, at + interval '24 hours', at + interval '24 hours', 3 from stored`;
    await tx`
      insert into assignments (id, conversation_id, group_id, agent_id, assigned_at, ended_at, reason)
      select assignment_id, id, ${GROUP_ID}, agent_id, at, case when is_open then null else at end,
        '{"rule":"turn","turn":1,"candidates":[],"leftOut":[]}' from stored`;
    await tx`
      insert into messages (id, key, conversation_id, contact_id, direction, kind, sent_at, received_at, payload)
      select message_id, 'msg:wamid.stored' || md5(sender::text), id, contact_id, 'in', 'text', at, at,
        json_build_object('id', sender, 'text', repeat('stored ', 60)) from stored`;
    await tx`
      insert into events (id, type, entity_id, sequence, phone_number_id, message_id, occurred_at, data)
      select uuidv7(), (array['conversation.opened', 'message.received', 'conversation.assigned'])[n], id, n,
        ${CHANNEL.phoneNumberId}, case when n = 2 then message_id end, at,
        json_build_object('conversationId', id, 'channelId', ${CHANNEL_ID}::text, 'contactId', contact_id)
      from stored, generate_series(1, 3) as n`;
  });
}

/** Customers from this number on are not among those stored. */
const NEW_SENDERS_FROM = 100_000_000;
export const isNewSender = (sender: number): boolean => sender >= NEW_SENDERS_FROM;

/** Share of the messages that come from customers who have no open conversation. */
const NEW_SHARE = 0.25;

export interface BenchTraffic {
  messages: CustomerText[];
  /** Conversations that these messages open, and that are given out. */
  opened: number;
}

/** Makes messages of customers in the middle of a conversation, a quarter of them from new customers. */
export interface TrafficSource {
  take(count: number): BenchTraffic;
}

export function createTrafficSource(stored: number, seed = 1, newShare = NEW_SHARE): TrafficSource {
  const random = createRandom(seed);
  const open = Math.floor((stored - 1) / OPEN_EVERY) + 1;
  let next = NEW_SENDERS_FROM;
  return {
    take(count) {
      let opened = 0;
      const messages = Array.from({ length: count }, () => {
        const isNew = stored === 0 || random() < newShare;
        if (isNew) opened += 1;
        return createMessage(isNew ? next++ : openSenderOf(Math.floor(random() * open)));
      });
      return { messages, opened };
    },
  };
}
