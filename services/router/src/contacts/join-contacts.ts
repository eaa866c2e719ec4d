import type { EventData } from "@turno/contracts";
import {
  planJoin,
  type JoiningContact,
  type JoiningConversation,
  type JoinedBlock,
  type JoinPlan,
} from "@turno/conversation";
import {
  asJson,
  ConflictFailure,
  lockAgents,
  readClock,
  release,
  retryOnConflict,
  writeEvents,
  type NewEvent,
  type Sql,
  type Transaction,
} from "@turno/database";
import { endAllAsSpam } from "./end-as-spam.ts";

interface Join {
  contactIds: readonly [string, string];
  /** Why they are one, as the event says it. */
  because: Pick<EventData<"contact.joined">, "because" | "phoneNumberId" | "actor">;
  createId: () => string;
  /** Begins the transaction with what has to hold for it. */
  begin?: (tx: Transaction) => Promise<void>;
}

interface JoiningRow extends JoiningConversation {
  contactId: string;
  agentId: string | null;
  groupId: string;
  phoneNumberId: string;
  sequence: number;
}

/**
 * Makes two contacts one, in one transaction: see `planJoin`. Conversations, messages and identities go to the contact that
 * remains, with all that still waits to be sent. Returns the contact's id; null if there is no such contact. Two that are
 * one already stay as they are.
 *
 * It locks agents, conversations, sends, contacts, in this order. Who opens a conversation for a contact, or changes the contact,
 * finds out under the contact's lock that it was joined, and begins again.
 */
export async function joinContacts(sql: Sql, join: Join): Promise<string | null> {
  return retryOnConflict(() => sql.begin((tx) => joinInTransaction(tx, join)));
}

async function joinInTransaction(tx: Transaction, join: Join): Promise<string | null> {
  await join.begin?.(tx);
  const contactIds = await followJoined(tx, join.contactIds);
  const [one, other] = contactIds;
  if (one === undefined || other === undefined) return null;
  if (one === other) return one;
  const conversations = await lockAll(tx, contactIds);
  const contacts = await tx<JoiningContact[]>`
    select id, user_id as "userId", user_id_at as "userIdAt", phone, phone_key as "phoneKey", phone_at as "phoneAt", name,
      username, named_at as "namedAt", sequence, created_at as "createdAt", blocked_at as "blockedAt"
    from contacts where id = any(${contactIds}::uuid[]) and joined_into_id is null order by id for update`;
  const [first, second] = contacts;
  const [stored] = await tx<{ count: number }[]>`
    select count(*)::int as count from conversations where contact_id = any(${contactIds}::uuid[])`;
  if (first === undefined || second === undefined || stored?.count !== conversations.length) {
    throw new ConflictFailure("the contacts changed before they were locked");
  }
  const plan = planJoin([first, second], conversations);
  const now = await readClock(tx);
  await write(tx, plan, conversations, now);
  await writeEvents(tx, toEvents(plan, conversations, join), now);
  if (plan.block !== null) await blockJoined(tx, plan, plan.block, { conversations, join, now });
  return plan.contact.id;
}

/** Blocks the contact that remains, if it was not, and ends what would stay open. */
async function blockJoined(
  tx: Transaction,
  { contact }: JoinPlan,
  { at, isNew, spamIds }: JoinedBlock,
  { conversations, join, now }: { conversations: readonly JoiningRow[]; join: Join; now: Date },
): Promise<void> {
  const { actor } = join.because;
  const spam = conversations.filter(({ id }) => spamIds.includes(id)).map((row) => ({ ...row, contactId: contact.id }));
  await endAllAsSpam(tx, spam, { actor, now, createId: join.createId });
  await tx`
    update contacts set blocked_at = ${at}, sequence = sequence + ${isNew ? 1 : 0} where id = ${contact.id}`;
  if (!isNew) return;
  const data = { contactId: contact.id, reason: "It was joined with a blocked contact.", actor };
  // The joining is the event before.
  const event = { id: join.createId(), type: "contact.blocked" as const, sequence: contact.sequence + 2, data };
  await writeEvents(tx, [event], now);
}

/** Returns the contacts that these are now, in their order, without those that there are not. */
async function followJoined(tx: Transaction, contactIds: readonly string[]): Promise<string[]> {
  const rows = await tx<{ id: string }[]>`
    select coalesce(contact.joined_into_id, contact.id) as id
    from unnest(${[...contactIds]}::uuid[]) with ordinality as wanted(id, ordinal) join contacts as contact using (id)
    order by wanted.ordinal`;
  return rows.map(({ id }) => id);
}

async function lockAll(tx: Transaction, contactIds: readonly string[]): Promise<JoiningRow[]> {
  const seen = await tx<{ agentId: string }[]>`
    select agent_id as "agentId" from conversations
    where contact_id = any(${[...contactIds]}::uuid[]) and state = 'active'`;
  const agents = await lockAgents(tx, [...new Set(seen.map(({ agentId }) => agentId))]);
  const rows = await tx<JoiningRow[]>`
    select conversation.id, conversation.channel_id as "channelId", conversation.contact_id as "contactId",
      conversation.group_id as "groupId", channel.phone_number_id as "phoneNumberId", conversation.state,
      conversation.agent_id as "agentId", conversation.opened_at as "openedAt",
      conversation.session_ends_at as "sessionEndsAt", conversation.session_closed_at as "sessionClosedAt",
      conversation.waiting_since as "waitingSince", conversation.waiting_noted_at as "waitingNotedAt",
      conversation.sequence
    from conversations as conversation join channels as channel on channel.id = conversation.channel_id
    where conversation.contact_id = any(${[...contactIds]}::uuid[])
    order by conversation.id for update of conversation`;
  if (rows.some(({ state, agentId }) => state === "active" && !agents.has(agentId ?? ""))) {
    throw new ConflictFailure("a conversation changed its agent before it was locked");
  }
  await tx`
    select from sends
    where conversation_id = any(${rows.map(({ id }) => id)}::uuid[]) and state in ('waiting', 'sending')
    order by id for update`;
  return rows;
}

async function write(tx: Transaction, plan: JoinPlan, conversations: readonly JoiningRow[], now: Date): Promise<void> {
  const { contact, joinedId, ended, kept } = plan;
  const joined = conversations.filter(({ contactId }) => contactId === joinedId).map(({ id }) => id);
  await Promise.all([
    tx`
      update contacts set user_id = ${contact.userId}, user_id_at = ${contact.userIdAt}, phone = ${contact.phone},
        phone_key = ${contact.phoneKey}, phone_at = ${contact.phoneAt}, name = ${contact.name},
        username = ${contact.username}, named_at = ${contact.namedAt}, sequence = sequence + 1
      where id = ${contact.id}`,
    joinMarketing(tx, contact.id, joinedId),
    tx`update contacts set joined_into_id = ${contact.id} where ${joinedId} in (id, joined_into_id)`,
    tx`update contact_identities set contact_id = ${contact.id} where contact_id = ${joinedId}`,
    takeConflicts(tx, contact.id, joinedId),
    tx`
      update messages set contact_id = ${contact.id}
      where conversation_id = any(${joined}::uuid[]) or (contact_id = ${joinedId} and kind in ('edit', 'revoke'))`,
    tx`
      update sends set contact_id = ${contact.id}
      where conversation_id = any(${joined}::uuid[]) and state in ('waiting', 'sending')`,
  ]);
  // What moves to another conversation has its contact by now, and no contact has two open ones on a channel afterwards.
  await endOthers(tx, ended, now);
  await Promise.all([
    tx`
      update conversations set session_ends_at = kept."sessionEndsAt", session_closed_at = kept."sessionClosedAt",
        waiting_since = kept."waitingSince", waiting_noted_at = kept."waitingNotedAt", check_at = kept."checkAt"
      from json_to_recordset(${asJson(kept)}::text::json) as kept(
        id uuid, "sessionEndsAt" timestamptz, "sessionClosedAt" timestamptz, "waitingSince" timestamptz,
        "waitingNotedAt" timestamptz, "checkAt" timestamptz)
      where conversations.id = kept.id`,
    tx`update conversations set contact_id = ${contact.id} where id = any(${joined}::uuid[])`,
  ]);
}

/** What the joined contact was taken for, the one that remains is taken for now, but for itself. */
const takeConflicts = (tx: Transaction, contactId: string, joinedId: string) => tx`
  with gone as (
    delete from contact_conflicts where ${joinedId} in (contact_id, other_contact_id)
    returning contact_id, other_contact_id, noticed_at
  )
  insert into contact_conflicts (contact_id, other_contact_id, noticed_at)
  select case when contact_id = ${joinedId} then ${contactId}::uuid else contact_id end,
    case when other_contact_id = ${joinedId} then ${contactId}::uuid else other_contact_id end, noticed_at
  from gone where ${contactId} not in (contact_id, other_contact_id)
  on conflict do nothing`;

/** What either said last about marketing messages holds. */
const joinMarketing = (tx: Transaction, contactId: string, joinedId: string) => tx`
  update contacts as contact set marketing_is_stopped = joined.marketing_is_stopped,
    marketing_said_at = joined.marketing_said_at
  from contacts as joined
  where contact.id = ${contactId} and joined.id = ${joinedId}
    and joined.marketing_said_at > coalesce(contact.marketing_said_at, '-infinity')`;

async function endOthers(tx: Transaction, ended: JoinPlan["ended"], now: Date): Promise<void> {
  if (ended.length === 0) return;
  const rows = tx`json_to_recordset(${asJson(ended)}::text::json) as ended(id uuid, "intoId" uuid)`;
  await Promise.all([
    tx`
      update conversations set state = 'expired', joined_into_id = ended."intoId", waiting_since = null,
        waiting_noted_at = null, sequence = sequence + 1
      from ${rows} where conversations.id = ended.id`,
    tx`
      with moved as (
        update sends set conversation_id = ended."intoId", is_opening = false from ${rows}
        where sends.conversation_id = ended.id and sends.state = 'waiting' returning sends.id, ended."intoId"
      )
      update messages set conversation_id = moved."intoId" from moved where messages.key = 'send:' || moved.id`,
    release(tx, { conversationIds: ended.map(({ id }) => id) }, now),
  ]);
}

function toEvents(plan: JoinPlan, conversations: readonly JoiningRow[], join: Join): NewEvent[] {
  const { createId, because } = join;
  const { contact, joinedId, ended } = plan;
  const ends = ended.flatMap(({ id, intoId }): NewEvent[] => {
    const found = conversations.find((conversation) => conversation.id === id);
    if (found === undefined) return [];
    const { channelId, phoneNumberId, contactId, groupId, agentId } = found;
    const data = { conversationId: id, channelId, phoneNumberId, contactId, groupId, agentId, intoId };
    return [{ id: createId(), type: "conversation.joined", sequence: found.sequence + 1, data }];
  });
  const data = { contactId: contact.id, joinedId, ...because };
  return [...ends, { id: createId(), type: "contact.joined", sequence: contact.sequence + 1, data }];
}
