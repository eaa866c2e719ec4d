import {
  goesAway,
  requeueCause,
  SESSION_MS,
  type HeldSince,
  type RequeueCause,
  type RequeueLimits,
} from "@turno/conversation";
import {
  asJson,
  lockAgents,
  readClock,
  retryOnConflict,
  writeEvents,
  type AgentRow,
  type Sql,
  type Transaction,
} from "@turno/database";
import { SETS_NOTHING_ASIDE, type SetAside } from "@turno/runtime";
import { putBack, type HeldConversationRow } from "./put-back.ts";
import { agentUpdated } from "./set-availability.ts";

interface DueRow {
  conversationId: string;
  groupId: string;
  agentId: string;
}

interface HeldRow extends HeldConversationRow, HeldSince, RequeueLimits {
  offerSeconds: number;
  offersMissedMax: number;
}

type LeftRow = HeldRow & { cause: RequeueCause };

const REASONS: Record<RequeueCause, (row: HeldRow) => string> = {
  "not-accepted": ({ offerSeconds }) => `Not accepted within ${offerSeconds} s.`,
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
  return sql`(conversation.offered_until <= turno_now() or conversation.offered_until is null and (
    (groups.first_answer_seconds > 0 and conversation.waiting_noted_at <= conversation.assigned_at
      and conversation.assigned_at <= ${ago(sql`groups.first_answer_seconds`)})
    or (groups.answer_seconds > 0 and conversation.waiting_noted_at > conversation.assigned_at
      and conversation.waiting_noted_at <= ${ago(sql`groups.answer_seconds`)})
    or (groups.absent_requeue_seconds > 0 and (gone.absent_since <= ${ago(sql`groups.absent_requeue_seconds`)}
      or (groups.when_away = 'requeue' and gone.away_since <= ${ago(sql`groups.absent_requeue_seconds`)})))
    or (groups.when_away = 'customer-writes' and conversation.waiting_noted_at is not null
      and greatest(conversation.waiting_noted_at, ${wroteAt(sql)}) > least(gone.absent_since, gone.away_since))))`;
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
      conversation.assigned_at as "assignedAt", conversation.offered_until as "offeredUntil",
      groups.offer_seconds as "offerSeconds", groups.offers_missed_max as "offersMissedMax",
      conversation.waiting_noted_at as "waitingNotedAt",
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
    return cause === null ? [] : [{ ...row, cause }];
  });
  const actor = { kind: "system" } as const;
  const put = left.map((row) => ({ ...row, reason: REASONS[row.cause](row), actor }));
  if (left.length > 0) await putBack(tx, groupId, put, now, createId);
  await noteMissed(tx, left, now, createId);
  return left.length;
}

/** Counts the offers that agents let lapse. Who lets too many in a row lapse is away, so that no customer waits for nobody. */
async function noteMissed(tx: Transaction, left: readonly LeftRow[], now: Date, createId: () => string): Promise<void> {
  const missed = left.filter(({ cause }) => cause === "not-accepted");
  if (missed.length === 0) return;
  const counts = [...Map.groupBy(missed, ({ agentId }) => agentId)].map(([agentId, rows]) => ({
    agentId,
    count: rows.length,
  }));
  const limit = missed[0]?.offersMissedMax ?? 0;
  const rows = await tx<(Pick<AgentRow, "agentId" | "availability" | "capacity" | "sequence"> & { missed: number })[]>`
    update agents set offers_missed = offers_missed + missed.count
    from json_to_recordset(${asJson(counts)}::text::json) as missed("agentId" uuid, count int)
    where agents.id = missed."agentId"
    returning agents.id as "agentId", availability, capacity, sequence, offers_missed as missed`;
  const gone = rows.filter(({ availability, missed: count }) => availability === "available" && goesAway(count, limit));
  if (gone.length === 0) return;
  const goneIds = gone.map(({ agentId }) => agentId);
  const events = gone.map((agent) =>
    agentUpdated({ ...agent, availability: "away", sequence: agent.sequence + 1 }, { kind: "system" }, createId()),
  );
  await Promise.all([
    tx`
      update agents set availability = 'away', away_since = ${now}, offers_missed = 0, sequence = sequence + 1
      where id = any(${goneIds}::uuid[])`,
    writeEvents(tx, events, now),
  ]);
}
