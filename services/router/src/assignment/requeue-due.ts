import { requeueCause, type RequeueCause } from "@turno/conversation";
import {
  lockAgents,
  readClock,
  release,
  retryOnConflict,
  writeEvents,
  type NewEvent,
  type Sql,
  type Transaction,
} from "@turno/database";
import { SETS_NOTHING_ASIDE, type SetAside } from "@turno/runtime";

interface DueRow {
  conversationId: string;
  groupId: string;
  agentId: string;
}

interface HeldRow extends DueRow {
  channelId: string;
  contactId: string;
  phoneNumberId: string;
  sequence: number;
  assignedAt: Date;
  hasAnswered: boolean;
  presentUntil: Date | null;
  needsPresence: boolean;
  firstAnswerSeconds: number;
  absentRequeueSeconds: number;
}

const REASONS: Record<RequeueCause, (row: HeldRow) => string> = {
  "no-first-answer": ({ firstAnswerSeconds }) => `No first answer within ${firstAnswerSeconds} s.`,
  "agent-absent": ({ absentRequeueSeconds }) => `The agent has been absent for ${absentRequeueSeconds} s.`,
};

/**
 * Puts conversations whose agent let a limit of the group pass back into the queue, at the place that their waiting
 * time gives them, and not for the same agent. Returns the number of conversations put back. Any number of routers may
 * call it at once, because each conversation is checked again under its lock. One transaction puts back all of a group,
 * so that those that fall due together do not wait for each other.
 */
export async function requeueDue(
  sql: Sql,
  options: {
    limit: number;
    /** Looks only at first answers that fell due within this many seconds, which costs little; null: at all. */
    lookBackSeconds: number | null;
    createId: () => string;
    /** Conversations that a defect follows from. The others go back all the same. */
    setAside?: SetAside;
  },
): Promise<number> {
  const { createId, setAside = SETS_NOTHING_ASIDE } = options;
  const due = await sql<DueRow[]>`
    select conversation.id as "conversationId", conversation.group_id as "groupId", conversation.agent_id as "agentId"
    from groups join conversations as conversation on conversation.group_id = groups.id
    join agents as agent on agent.id = conversation.agent_id
    where conversation.state = 'active' and ${mayBeDue(sql, options.lookBackSeconds)}
      and conversation.id <> all(${[...setAside.keys]}::uuid[])
    limit ${options.limit}`;
  let count = 0;
  for (const [groupId, rows] of Map.groupBy(due, (row) => row.groupId)) {
    const requeue = (some: readonly DueRow[]) =>
      retryOnConflict(() => sql.begin((tx) => requeueInGroup(tx, groupId, some, createId)));
    await setAside.run(
      rows,
      ({ conversationId }) => conversationId,
      async (some) => void (count += await requeue(some)),
    );
  }
  return count;
}

/** The rule `requeueCause` in SQL, to find candidates. The rule itself decides under the locks. */
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

/** Whether the agent has written to the customer since the assignment. A read receipt says nothing. */
function hasAnswered(sql: Sql | Transaction) {
  return sql`exists (
    select from messages where messages.conversation_id = conversation.id and direction = 'out' and kind <> 'read'
      and received_at >= conversation.assigned_at)`;
}

async function requeueInGroup(
  tx: Transaction,
  groupId: string,
  due: readonly DueRow[],
  createId: () => string,
): Promise<number> {
  const agentIds = [...new Set(due.map(({ agentId }) => agentId))];
  await tx`select from groups where id = ${groupId} for no key update`;
  await lockAgents(tx, agentIds);
  const rows = await tx<HeldRow[]>`
    select conversation.id as "conversationId", conversation.channel_id as "channelId",
      conversation.contact_id as "contactId", conversation.group_id as "groupId",
      channel.phone_number_id as "phoneNumberId", conversation.agent_id as "agentId", conversation.sequence,
      conversation.assigned_at as "assignedAt", ${hasAnswered(tx)} as "hasAnswered",
      agent.present_until as "presentUntil", groups.needs_presence as "needsPresence",
      groups.first_answer_seconds as "firstAnswerSeconds", groups.absent_requeue_seconds as "absentRequeueSeconds"
    from conversations as conversation
    join channels as channel on channel.id = conversation.channel_id
    join groups on groups.id = conversation.group_id
    join agents as agent on agent.id = conversation.agent_id
    where conversation.id = any(${due.map(({ conversationId }) => conversationId)}::uuid[])
      and conversation.state = 'active' and conversation.group_id = ${groupId}
      and conversation.agent_id = any(${agentIds}::uuid[])
    order by conversation.id
    for update of conversation`;
  const now = await readClock(tx);
  const left = rows.flatMap((row) => {
    const cause = requeueCause(row, row, now);
    return cause === null ? [] : [{ ...row, reason: REASONS[cause](row) }];
  });
  if (left.length > 0) await leave(tx, groupId, left, now, createId);
  return left.length;
}

async function leave(
  tx: Transaction,
  groupId: string,
  left: readonly (HeldRow & { reason: string })[],
  now: Date,
  createId: () => string,
): Promise<void> {
  const conversationIds = left.map(({ conversationId }) => conversationId);
  const events = left.map((row) => toEvent(row, createId));
  await Promise.all([
    tx`
      update conversations set state = 'queued', agent_id = null, assigned_at = null,
        requeued_from_agent_id = agent_id, sequence = sequence + 1
      where id = any(${conversationIds}::uuid[])`,
    release(tx, { conversationIds, queuedInGroupIds: [groupId] }, now),
    writeEvents(tx, events, now),
  ]);
}

function toEvent(row: HeldRow & { reason: string }, createId: () => string): NewEvent {
  const { conversationId, channelId, contactId, phoneNumberId, groupId, agentId, reason } = row;
  const place = { conversationId, channelId, phoneNumberId, contactId };
  const moved = { from: { groupId, agentId }, to: { groupId, agentId: null }, reason };
  return {
    id: createId(),
    type: "conversation.transferred",
    sequence: row.sequence + 1,
    data: { ...place, ...moved, actor: { kind: "system" }, forced: false },
  };
}
