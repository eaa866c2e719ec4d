import { requeueCause, type RequeueCause } from "@turno/conversation";
import type { Sql, Transaction } from "../connection.ts";
import { writeEvents } from "../events/write-events.ts";
import { retryOnConflict } from "../failure.ts";
import { GROUPS_CHANNEL } from "../session/sweep-due.ts";
import { lockAgents } from "./asker.ts";

interface HeldRow {
  conversationId: string;
  channelId: string;
  contactId: string;
  groupId: string;
  phoneNumberId: string;
  agentId: string;
  sequence: number;
  assignedAt: Date;
  hasAnswered: boolean;
  presentUntil: Date | null;
  needsPresence: boolean;
  firstAnswerSeconds: number;
  absentRequeueSeconds: number;
  now: Date;
}

const REASONS: Record<RequeueCause, (row: HeldRow) => string> = {
  "no-first-answer": ({ firstAnswerSeconds }) => `No first answer within ${firstAnswerSeconds} s.`,
  "agent-absent": ({ absentRequeueSeconds }) => `The agent has been absent for ${absentRequeueSeconds} s.`,
};

/**
 * Puts conversations whose agent let a limit of the group pass back into the queue, at the place that their waiting time
 * gives them, and not to the same agent. Gives how many. Any number of services may call it at once: each conversation is
 * looked at again under its lock.
 */
export async function requeueDue(
  sql: Sql,
  options: {
    limit: number;
    /** Looks only at first answers that fell due within so many seconds, which costs little; null: at all. */
    lookBackSeconds: number | null;
    createId: () => string;
  },
): Promise<number> {
  const due = await sql<{ conversationId: string }[]>`
    select conversation.id as "conversationId"
    from groups join conversations as conversation on conversation.group_id = groups.id
    join agents as agent on agent.id = conversation.agent_id
    where conversation.state = 'active' and ${mayBeDue(sql, options.lookBackSeconds)}
    limit ${options.limit}`;
  let count = 0;
  for (const { conversationId } of due) {
    const isRequeued = await retryOnConflict(() =>
      sql.begin((tx) => requeueInTransaction(tx, conversationId, options.createId)),
    );
    if (isRequeued) count += 1;
  }
  return count;
}

/** The rule of `requeueCause` as the database asks it, to find candidates: the rule itself decides under the locks. */
function mayBeDue(sql: Sql, lookBackSeconds: number | null) {
  const isRecent =
    lookBackSeconds === null
      ? sql`true`
      : sql`conversation.assigned_at
          > turno_now() - (groups.first_answer_seconds + ${lookBackSeconds}::int) * interval '1 second'`;
  return sql`(
    (groups.first_answer_seconds > 0
      and conversation.assigned_at <= turno_now() - groups.first_answer_seconds * interval '1 second'
      and ${isRecent}
      and not ${hasAnswered(sql)})
    or (groups.needs_presence and groups.absent_requeue_seconds > 0
      and greatest(agent.present_until, conversation.assigned_at)
        <= turno_now() - groups.absent_requeue_seconds * interval '1 second'))`;
}

/** Whether something was said to the customer since the agent got the conversation. A read receipt says nothing. */
function hasAnswered(sql: Sql | Transaction) {
  return sql`exists (
    select from messages where messages.conversation_id = conversation.id and direction = 'out' and kind <> 'read'
      and received_at >= conversation.assigned_at)`;
}

async function requeueInTransaction(tx: Transaction, conversationId: string, createId: () => string): Promise<boolean> {
  const [seen] = await tx<{ groupId: string; agentId: string | null }[]>`
    select group_id as "groupId", agent_id as "agentId" from conversations where id = ${conversationId}`;
  if (seen === undefined || seen.agentId === null) return false;
  await tx`select from groups where id = ${seen.groupId} for no key update`;
  await lockAgents(tx, [seen.agentId]);
  const [row] = await tx<HeldRow[]>`
    select conversation.id as "conversationId", conversation.channel_id as "channelId",
      conversation.contact_id as "contactId", conversation.group_id as "groupId",
      channel.phone_number_id as "phoneNumberId", conversation.agent_id as "agentId", conversation.sequence,
      conversation.assigned_at as "assignedAt", ${hasAnswered(tx)} as "hasAnswered",
      agent.present_until as "presentUntil", groups.needs_presence as "needsPresence",
      groups.first_answer_seconds as "firstAnswerSeconds", groups.absent_requeue_seconds as "absentRequeueSeconds",
      turno_now() as now
    from conversations as conversation
    join channels as channel on channel.id = conversation.channel_id
    join groups on groups.id = conversation.group_id
    join agents as agent on agent.id = conversation.agent_id
    where conversation.id = ${conversationId} and conversation.state = 'active'
      and conversation.agent_id = ${seen.agentId} and conversation.group_id = ${seen.groupId}
    for update of conversation`;
  const cause = row === undefined ? null : requeueCause(row, row, row.now);
  if (row === undefined || cause === null) return false;
  await leave(tx, row, REASONS[cause](row), createId);
  return true;
}

async function leave(tx: Transaction, row: HeldRow, reason: string, createId: () => string): Promise<void> {
  const { conversationId, channelId, contactId, phoneNumberId, groupId, agentId, now } = row;
  const sequence = row.sequence + 1;
  await tx`
    update conversations set state = 'queued', agent_id = null, assigned_at = null,
      requeued_from_agent_id = ${agentId}, sequence = ${sequence}
    where id = ${conversationId}`;
  await tx`update assignments set ended_at = ${now} where conversation_id = ${conversationId} and ended_at is null`;
  await tx`update agents set active_count = active_count - 1 where id = ${agentId}`;
  const data = {
    conversationId,
    channelId,
    phoneNumberId,
    contactId,
    from: { groupId, agentId },
    to: { groupId, agentId: null },
    reason,
    actor: { kind: "system" },
    forced: false,
  };
  const event = { id: createId(), type: "conversation.transferred", entityId: conversationId, sequence };
  await writeEvents(tx, [{ ...event, phoneNumberId, messageId: null, data }], now);
  await tx`
    select pg_notify(${GROUPS_CHANNEL}, id::text) from (
      select group_id as id from group_members where agent_id = ${agentId} union select ${groupId}::uuid
    ) as freed`;
}
