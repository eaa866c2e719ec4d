import {
  distribute,
  isOutside,
  offerOf,
  type Assignment,
  type GroupHours,
  type Member,
  type PresenceRule,
  type WaitingConversation,
} from "@turno/conversation";
import {
  ConflictFailure,
  retryOnConflict,
  writeAssignments,
  type AssignedConversation,
  type EventMemory,
  type Sql,
  type Transaction,
} from "@turno/database";
import { lockChosen, readRotations, seeMembers } from "./rotations.ts";
import { takeTurns } from "./take-turns.ts";

/**
 * The most waiting conversations that a transaction gives out. What it reads grows with this number. The first
 * transaction takes few, because most often one place is free; if all of them could be given, the second takes many.
 */
const BATCH_SIZES = [16, 256];

export interface AssignOutcome {
  assigned: number;
  /** Whether there may be more to give out at once. */
  hasMore: boolean;
  /**
   * In how many milliseconds of the rules' clock a conversation that waits for its own agent may go to anybody; null if
   * none waits so.
   */
  deferredMs: number | null;
}

interface GroupRow extends GroupHours {
  turn: number;
  roundTurn: number;
  presence: PresenceRule;
  returningWaitSeconds: number;
  offerSeconds: number;
}

type OwnAgent = { [Key in keyof Omit<Member, "agentId"> as `own${Capitalize<Key>}`]: Member[Key] | null };

type WaitingRow = WaitingConversation &
  Omit<AssignedConversation, "agentId" | "assignmentId" | "reason"> &
  OwnAgent & { now: Date };

const NOTHING: AssignOutcome = { assigned: 0, hasMore: false, deferredMs: null };

/**
 * Gives the conversations that wait in an automatic group to its agents in turn. Pick, capacity and turn are one
 * transaction under the group's row lock, so any number of routers may call it at any moment. What it reads grows with
 * what it gives out, not with the group or its queue. It locks the group, then the chosen agents by id, then
 * conversations by id.
 */
export async function assignQueued(
  sql: Sql,
  groupId: string,
  createId: () => string,
  memory?: EventMemory,
): Promise<AssignOutcome> {
  let all = NOTHING;
  for (const size of BATCH_SIZES) {
    const one = await retryOnConflict(() =>
      sql.begin((tx) => assignInTransaction(tx, { groupId, size }, createId, memory)),
    );
    all = { ...one, assigned: all.assigned + one.assigned };
    if (!one.hasMore) break;
  }
  return all;
}

async function assignInTransaction(
  tx: Transaction,
  { groupId, size }: { groupId: string; size: number },
  createId: () => string,
  memory: EventMemory | undefined,
): Promise<AssignOutcome> {
  const wanted = [{ groupId, count: size }];
  // One round trip: the server runs them in this order, so nobody else gives out when the second begins.
  const [[group], waiting, rows] = await Promise.all([
    lockGroup(tx, groupId),
    readWaiting(tx, groupId, size),
    readRotations(tx, wanted),
  ]);
  const now = waiting[0]?.now;
  const seen = seeMembers(wanted, rows).get(groupId);
  if (group === undefined || now === undefined || seen === undefined) return NOTHING;
  // Who watches the hours gives it out when they begin.
  if (isOutside(group, now)) return NOTHING;

  const { turn, roundTurn, presence, returningWaitSeconds } = group;
  const known = new Set([...seen.members, ...seen.others].map(({ agentId }) => agentId));
  const others = [...seen.others, ...ownAgentsOf(waiting).filter(({ agentId }) => !known.has(agentId))];
  const rotation = { turn, roundTurn };
  const returningWaitMs = returningWaitSeconds * 1000;
  const deciding = { ...seen, others, waiting, rotation, presence, returningWaitMs, now };
  const distribution = distribute(deciding);
  const { assignments, deferredUntil, hasRoom } = distribution;

  const chosen = await lockChosen(tx, [{ groupId, deciding, distribution }], { isWaiting: true });
  if (chosen.holding.length === 0) throw new ConflictFailure("an agent changed before it was locked");
  const byId = new Map(waiting.map((conversation) => [conversation.conversationId, conversation]));
  const assigned = assignments.map((assignment) => ({
    ...toAssigned(assignment, byId, createId),
    offeredUntil: offerOf(assignment.reason.rule, group.offerSeconds, now),
  }));
  await Promise.all([assigned.length > 0 && writeAssignments(tx, assigned, now, memory), takeTurns(tx, chosen)]);
  const hasWaiting = waiting.length === size || assignments.length < waiting.length;
  const hasProgressed = assignments.length > 0 || chosen.resting.length > 0;
  // A window whose conversations all wait for their own agents says nothing of those behind it.
  const isBehindOthers = waiting.length === size && deferredUntil !== null && size < (BATCH_SIZES.at(-1) ?? 0);
  const hasMore = hasRoom && hasWaiting && (hasProgressed || isBehindOthers);
  const deferredMs = deferredUntil === null ? null : deferredUntil.getTime() - now.getTime();
  return { assigned: assignments.length, hasMore, deferredMs };
}

function lockGroup(tx: Transaction, groupId: string) {
  return tx<GroupRow[]>`
    select turn, round_turn as "roundTurn", presence, outside_hours as "outsideHours", hours,
      returning_wait_seconds as "returningWaitSeconds", offer_seconds as "offerSeconds"
    from groups where id = ${groupId} for no key update`;
}

/**
 * Reads what waits. Nothing of a manual group, because nobody is given what waits there, nothing that was transferred by
 * the only agent with room, and nothing that nobody answered as often as the group lets it. It reads with each conversation the agent whom a returning customer had before. `now`
 * is an instant at which the caller had its lock.
 */
function readWaiting(tx: Transaction, groupId: string, size: number) {
  return tx<WaitingRow[]>`
    select conversation.id as "conversationId", conversation.queued_at as "queuedAt",
      conversation.requeued_from_agent_id as "requeuedFromAgentId",
      conversation.lapsed_agent_ids as "lapsedAgentIds", conversation.lapsed_at as "lapsedAt", earlier.agent_id as "returningAgentId",
      own.availability as "ownAvailability", own.capacity as "ownCapacity", own.active_count as "ownActiveCount",
      own.present_until as "ownPresentUntil", own.last_turn as "ownLastTurn",
      conversation.channel_id as "channelId", conversation.contact_id as "contactId",
      conversation.group_id as "groupId", channel.phone_number_id as "phoneNumberId", turno_now() as now
    from groups cross join lateral (
      select * from conversations
      where group_id = groups.id and state = 'queued'
        and (groups.lapses_max = 0 or cardinality(lapsed_agent_ids) < groups.lapses_max)
        and (requeued_from_agent_id is null or lapsed_at is not null or exists (
        select from group_members as member cross join lateral (
          select from agents
          where id = member.agent_id and availability = 'available' and (capacity is null or active_count < capacity)
          limit 1
        ) as agent
        where member.group_id = groups.id and member.is_in_rotation and member.agent_id <> requeued_from_agent_id))
      order by queued_at, id limit ${size}
    ) as conversation join channels as channel on channel.id = conversation.channel_id
    left join lateral (
      select assignment.agent_id
      from conversations as earlier join assignments as assignment on assignment.conversation_id = earlier.id
      where earlier.contact_id = conversation.contact_id and earlier.id <> conversation.id
        and assignment.assigned_at > turno_now() - groups.returning_within_days * interval '1 day'
      order by assignment.assigned_at desc limit 1
    ) as earlier on groups.returning_within_days > 0
    left join lateral (
      select agents.*, member.last_turn
      from group_members as member join agents on agents.id = member.agent_id
      where member.group_id = groups.id and member.agent_id = earlier.agent_id limit 1
    ) as own on true
    where groups.id = ${groupId} and groups.distribution = 'automatic'
    order by conversation.queued_at, conversation.id`;
}

/** Returns the last agents of returning customers, if they are members. */
function ownAgentsOf(waiting: readonly WaitingRow[]): Member[] {
  const agents = new Map<string, Member>();
  for (const row of waiting) {
    const { returningAgentId: agentId, ownAvailability: availability, ownLastTurn: lastTurn } = row;
    if (agentId === null || availability === null || lastTurn === null) continue;
    const { ownCapacity: capacity, ownActiveCount, ownPresentUntil: presentUntil } = row;
    agents.set(agentId, { agentId, availability, capacity, activeCount: ownActiveCount ?? 0, presentUntil, lastTurn });
  }
  return [...agents.values()];
}

function toAssigned(
  assignment: Assignment,
  waiting: ReadonlyMap<string, WaitingRow>,
  createId: () => string,
): AssignedConversation {
  const row = waiting.get(assignment.conversationId);
  if (row === undefined) throw new Error("an assignment names a conversation that does not wait");
  const { conversationId, channelId, contactId, groupId, phoneNumberId, queuedAt } = row;
  const { agentId, reason } = assignment;
  const place = { conversationId, channelId, contactId, groupId, phoneNumberId, queuedAt };
  return { ...place, assignmentId: createId(), agentId, reason };
}
