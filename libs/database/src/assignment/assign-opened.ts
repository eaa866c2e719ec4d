import { distribute, type Assignment, type Member, type NewConversation, type Rotation } from "@turno/conversation";
import type { Transaction } from "../connection.ts";
import type { AssignedConversation } from "./write-assignments.ts";

/** An automatic group in which nobody waits, with its members, all locked by this transaction. */
export interface IdleQueue {
  groupId: string;
  turn: number;
  roundTurn: number;
  needsPresence: boolean;
  members: Member[];
  /** An instant at which the locks were held. */
  now: Date;
}

type QueueRow = Omit<IdleQueue, "members" | "now">;
type MemberRow = Member & { groupId: string; size: number; now: Date };

/**
 * Locks those of the groups in which what opens now may be given out at once: automatic, with an empty queue, and no
 * agent looked for whom the customer had before.
 *
 * It waits for nobody, because its transaction holds conversations already, and these come last in the order of locks: a
 * group that somebody else works on, or one of whose agents somebody changes, is left out.
 */
export async function lockIdleQueues(tx: Transaction, groupIds: readonly string[]): Promise<IdleQueue[]> {
  const groups = await tx<QueueRow[]>`
    select id as "groupId", turn, round_turn as "roundTurn", needs_presence as "needsPresence"
    from groups
    where id = any(${[...groupIds]}::uuid[]) and distribution = 'automatic' and returning_within_days = 0
    order by id
    for no key update skip locked`;
  if (groups.length === 0) return [];
  // A statement of its own: it sees what those did who held the group before.
  const members = await tx<MemberRow[]>`
    select member.group_id as "groupId", agent.id as "agentId", agent.availability, agent.capacity,
      agent.active_count as "activeCount", agent.present_until as "presentUntil", member.last_turn as "lastTurn",
      (select count(*)::int from group_members where group_id = member.group_id) as size, turno_now() as now
    from group_members as member join agents as agent on agent.id = member.agent_id
    where member.group_id = any(${groups.map(({ groupId }) => groupId)}::uuid[])
      and not exists (select from conversations where group_id = member.group_id and state = 'queued')
    order by agent.id
    for no key update of agent skip locked`;
  return groups.flatMap((group) => {
    const own = members.filter(({ groupId }) => groupId === group.groupId);
    const [first] = own;
    return first !== undefined && own.length === first.size ? [{ ...group, members: own, now: first.now }] : [];
  });
}

/** Who gets which of the conversations that open now, and the turns that this takes; the rest waits. */
export interface OpenedAssignments {
  assigned: AssignedConversation[];
  turns: { groupId: string; rotation: Rotation; assignments: Assignment[] }[];
}

/** Gives what opens in the groups to their agents, in the order given. An agent of several groups has one capacity. */
export function assignOpened(
  queues: readonly IdleQueue[],
  opened: readonly NewConversation[],
  createId: () => string,
): OpenedAssignments {
  const added = new Map<string, number>();
  const turns = queues.map((queue) => {
    const waiting = opened
      .filter(({ groupId }) => groupId === queue.groupId)
      .map(({ id, openedAt }) => ({
        conversationId: id,
        queuedAt: openedAt,
        returningAgentId: null,
        requeuedFromAgentId: null,
      }));
    const members = queue.members.map((member) => ({
      ...member,
      activeCount: member.activeCount + (added.get(member.agentId) ?? 0),
    }));
    const { turn, roundTurn, needsPresence, now } = queue;
    const given = distribute({
      members,
      waiting,
      rotation: { turn, roundTurn },
      needsPresence,
      returningWaitMs: 0,
      now,
    });
    for (const { agentId } of given.assignments) added.set(agentId, (added.get(agentId) ?? 0) + 1);
    return { groupId: queue.groupId, ...given };
  });
  const byId = new Map(opened.map((conversation) => [conversation.id, conversation]));
  return {
    assigned: turns.flatMap(({ assignments }) =>
      assignments.map((assignment) => toAssigned(assignment, byId.get(assignment.conversationId), createId())),
    ),
    turns,
  };
}

function toAssigned(
  { agentId, reason }: Assignment,
  opened: NewConversation | undefined,
  assignmentId: string,
): AssignedConversation {
  if (opened === undefined) throw new Error("an assignment names a conversation that does not open");
  const { id: conversationId, channelId, contactId, groupId, phoneNumberId, openedAt: queuedAt } = opened;
  return { conversationId, channelId, contactId, groupId, phoneNumberId, queuedAt, assignmentId, agentId, reason };
}
