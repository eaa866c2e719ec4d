import {
  isHeldBack,
  requeueCause,
  SESSION_MS,
  type HeldSince,
  type RequeueCause,
  type RequeueLimits,
} from "@turno/conversation";
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

interface HeldRow extends DueRow, HeldSince, RequeueLimits {
  channelId: string;
  contactId: string;
  phoneNumberId: string;
  sequence: number;
  waitingSince: Date | null;
  /** How often it went back before. */
  lapses: number;
  lapsesMax: number;
}

const REASONS: Record<RequeueCause, (row: HeldRow) => string> = {
  "no-first-answer": ({ firstAnswerSeconds }) => `No first answer within ${firstAnswerSeconds} s.`,
  "no-answer": ({ answerSeconds }) => `No answer within ${answerSeconds} s.`,
  "agent-absent": ({ absentRequeueSeconds }) => `The agent has been absent for ${absentRequeueSeconds} s.`,
  "customer-wrote": () => "The customer wrote while the agent was away.",
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
    cross join lateral (${goneSince(sql)}) as gone
    where conversation.state = 'active' and ${isDue(sql)}
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

/**
 * The rule `requeueCause` in SQL, to find candidates; the rule itself decides under the locks. It finds none that the rule
 * leaves where it is: as many of those as one look finds would hide all others.
 */
function isDue(sql: Sql) {
  const ago = (seconds: ReturnType<typeof sql>) => sql`turno_now() - ${seconds} * interval '1 second'`;
  return sql`(
    (groups.first_answer_seconds > 0 and conversation.waiting_noted_at <= conversation.assigned_at
      and conversation.assigned_at <= ${ago(sql`groups.first_answer_seconds`)})
    or (groups.answer_seconds > 0 and conversation.waiting_noted_at > conversation.assigned_at
      and conversation.waiting_noted_at <= ${ago(sql`groups.answer_seconds`)})
    or (groups.absent_requeue_seconds > 0 and (gone.absent_since <= ${ago(sql`groups.absent_requeue_seconds`)}
      or (groups.when_away = 'requeue' and gone.away_since <= ${ago(sql`groups.absent_requeue_seconds`)})))
    or (groups.when_away = 'customer-writes' and conversation.waiting_noted_at is not null
      and greatest(conversation.waiting_noted_at, ${wroteAt(sql)}) > least(gone.absent_since, gone.away_since)))`;
}

/** Since when the agent of a conversation has been absent, and away: at the earliest since it has it. */
const goneSince = (sql: Sql) => sql`
  select
    case when agent.present_until < turno_now() and groups.presence <> 'ignored'
        or agent.present_until is null and groups.presence = 'required'
      then greatest(agent.present_until, conversation.assigned_at) end as absent_since,
    case when agent.availability = 'away' then greatest(agent.away_since, conversation.assigned_at) end as away_since`;

/** When the customer last wrote: that is what moves the end of its session. */
const wroteAt = (sql: Sql | Transaction) =>
  sql`conversation.session_ends_at - ${SESSION_MS} * interval '1 millisecond'`;

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
      conversation.assigned_at as "assignedAt", conversation.waiting_noted_at as "waitingNotedAt",
      ${wroteAt(tx)} as "wroteAt",
      conversation.waiting_since as "waitingSince", cardinality(conversation.lapsed_agent_ids) as lapses,
      agent.present_until as "presentUntil", groups.presence,
      case when agent.availability = 'away' then coalesce(agent.away_since, conversation.assigned_at) end as "awaySince",
      groups.when_away as "whenAway", groups.lapses_max as "lapsesMax",
      groups.first_answer_seconds as "firstAnswerSeconds", groups.answer_seconds as "answerSeconds",
      groups.absent_requeue_seconds as "absentRequeueSeconds"
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
  const events = left.flatMap((row) => toEvents(row, createId));
  const heldBackIds = left.filter(isHeldBackNow).map(({ conversationId }) => conversationId);
  await Promise.all([
    tx`
      update conversations set state = 'queued', agent_id = null, assigned_at = null,
        requeued_from_agent_id = agent_id, lapsed_at = ${now},
        lapsed_agent_ids = case when waiting_since is null then '{}' else lapsed_agent_ids || agent_id end,
        sequence = sequence + case when id = any(${heldBackIds}::uuid[]) then 2 else 1 end
      where id = any(${conversationIds}::uuid[])`,
    release(tx, { conversationIds, queuedInGroupIds: [groupId] }, now),
    writeEvents(tx, events, now),
  ]);
}

/** It lapses only where the customer waits for an answer: otherwise nobody let anything lapse, however often it goes back. */
const isHeldBackNow = ({ waitingSince, lapses, lapsesMax }: HeldRow) =>
  waitingSince !== null && isHeldBack(lapses + 1, lapsesMax);

function toEvents(row: HeldRow & { reason: string }, createId: () => string): NewEvent[] {
  const { conversationId, channelId, contactId, phoneNumberId, groupId, agentId, reason } = row;
  const place = { conversationId, channelId, phoneNumberId, contactId };
  const moved = { from: { groupId, agentId }, to: { groupId, agentId: null }, reason };
  const transferred: NewEvent = {
    id: createId(),
    type: "conversation.transferred",
    sequence: row.sequence + 1,
    data: { ...place, ...moved, actor: { kind: "system" }, forced: false },
  };
  if (!isHeldBackNow(row)) return [transferred];
  const waitingSince = row.waitingSince?.toISOString() ?? null;
  const data = { ...place, groupId, lapses: row.lapses + 1, waitingSince };
  return [transferred, { id: createId(), type: "conversation.unanswered", sequence: row.sequence + 2, data }];
}
