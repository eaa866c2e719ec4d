import { distribute, type Assignment, type Member, type WaitingConversation } from "@turno/conversation";
import type { Sql, Transaction } from "../connection.ts";
import type { EventMemory } from "../events/event-memory.ts";
import { retryOnConflict } from "../failure.ts";
import { takeTurns } from "./take-turns.ts";
import { writeAssignments, type AssignedConversation } from "./write-assignments.ts";

/** How many waiting conversations one transaction gives out at most. */
const BATCH_SIZE_MAX = 256;

export interface AssignOutcome {
  assigned: number;
  /** Whether there may be more to give out right now. */
  hasMore: boolean;
  /** When a conversation that waits for its own agent may go to anybody, or null. */
  deferredUntil: Date | null;
}

interface GroupRow {
  turn: number;
  roundTurn: number;
  needsPresence: boolean;
  returningWaitSeconds: number;
}

type WaitingRow = WaitingConversation &
  Omit<AssignedConversation, "agentId" | "assignmentId" | "reason"> & { now: Date };

const NOTHING: AssignOutcome = { assigned: 0, hasMore: false, deferredUntil: null };

/**
 * Gives the conversations that wait in an automatic group to its agents in turn. Pick, capacity and turn are one
 * transaction under the group's row lock, so that any number of routers may call it at any moment.
 * Locks are taken as everywhere: group, then agents by id, then conversations by id.
 */
export async function assignQueued(
  sql: Sql,
  groupId: string,
  createId: () => string,
  memory?: EventMemory,
): Promise<AssignOutcome> {
  return retryOnConflict(() => sql.begin((tx) => assignInTransaction(tx, groupId, createId, memory)));
}

async function assignInTransaction(
  tx: Transaction,
  groupId: string,
  createId: () => string,
  memory: EventMemory | undefined,
): Promise<AssignOutcome> {
  // One round trip: the server runs them in this order, so nobody else gives out any more when the second begins.
  const [[group], members, waiting] = await Promise.all([
    lockGroup(tx, groupId),
    lockMembers(tx, groupId),
    readWaiting(tx, groupId),
  ]);
  const now = waiting[0]?.now;
  if (group === undefined || now === undefined) return NOTHING;

  const distribution = distribute({
    members,
    waiting,
    rotation: { turn: group.turn, roundTurn: group.roundTurn },
    needsPresence: group.needsPresence,
    returningWaitMs: group.returningWaitSeconds * 1000,
    now,
  });
  const { assignments, rotation, deferredUntil } = distribution;
  if (assignments.length === 0) return { ...NOTHING, deferredUntil };

  const byId = new Map(waiting.map((conversation) => [conversation.conversationId, conversation]));
  await Promise.all([
    writeAssignments(
      tx,
      assignments.map((assignment) => toAssigned(assignment, byId, createId)),
      now,
      memory,
    ),
    takeTurns(tx, { groupId, rotation, assignments }),
  ]);
  const mayBeMore = waiting.length === BATCH_SIZE_MAX && assignments.length > 0;
  return { assigned: assignments.length, hasMore: mayBeMore, deferredUntil };
}

function lockGroup(tx: Transaction, groupId: string) {
  return tx<GroupRow[]>`
    select turn, round_turn as "roundTurn", needs_presence as "needsPresence",
      returning_wait_seconds as "returningWaitSeconds"
    from groups where id = ${groupId} for no key update`;
}

function lockMembers(tx: Transaction, groupId: string) {
  return tx<Member[]>`
    select agent.id as "agentId", agent.availability, agent.capacity, agent.active_count as "activeCount",
      agent.present_until as "presentUntil", member.last_turn as "lastTurn"
    from groups join group_members as member on member.group_id = groups.id
    join agents as agent on agent.id = member.agent_id
    where groups.id = ${groupId} and groups.distribution = 'automatic'
    order by agent.id
    for no key update of agent`;
}

/** Nothing of a manual group: nobody is given what waits there. `now` is an instant at which the caller had its locks. */
function readWaiting(tx: Transaction, groupId: string) {
  return tx<WaitingRow[]>`
    select conversation.id as "conversationId", conversation.queued_at as "queuedAt",
      conversation.requeued_from_agent_id as "requeuedFromAgentId",
      case when groups.returning_within_days > 0 then (
        select assignment.agent_id
        from conversations as earlier join assignments as assignment on assignment.conversation_id = earlier.id
        where earlier.contact_id = conversation.contact_id and earlier.id <> conversation.id
          and assignment.assigned_at > turno_now() - groups.returning_within_days * interval '1 day'
        order by assignment.assigned_at desc limit 1
      ) end as "returningAgentId",
      conversation.channel_id as "channelId", conversation.contact_id as "contactId",
      conversation.group_id as "groupId", channel.phone_number_id as "phoneNumberId", turno_now() as now
    from groups cross join lateral (
      select * from conversations where group_id = groups.id and state = 'queued'
      order by queued_at, id limit ${BATCH_SIZE_MAX}
    ) as conversation join channels as channel on channel.id = conversation.channel_id
    where groups.id = ${groupId} and groups.distribution = 'automatic'
    order by conversation.queued_at, conversation.id`;
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
