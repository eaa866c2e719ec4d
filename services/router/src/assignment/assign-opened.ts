import {
  distributeInGroups,
  isOutside,
  offerOf,
  type Assignment,
  type Chosen,
  type Decided,
  type GroupHours,
  type NewConversation,
  type PresenceRule,
} from "@turno/conversation";
import { asJson, type AssignedConversation, type Transaction } from "@turno/database";
import { lockChosen, readRotations, seeMembers, type SeenMembers } from "./rotations.ts";

/** An automatic group in which nobody waits, locked by this transaction, with the members who are next. */
export interface IdleQueue extends SeenMembers, GroupHours {
  groupId: string;
  turn: number;
  roundTurn: number;
  presence: PresenceRule;
  offerSeconds: number;
  /** An instant at which the lock was held, the same for all groups locked together. */
  now: Date;
}

type QueueRow = Omit<IdleQueue, keyof SeenMembers | "now">;

/**
 * Locks the groups that may give out at once what opens now: automatic, within their hours, with an empty queue, and
 * without a returning customer's agent to look for.
 *
 * It waits for nobody, because its transaction already holds conversations, and these come last in the order of locks.
 * It leaves out a group that somebody else works on.
 */
export async function lockIdleQueues(
  tx: Transaction,
  opened: readonly Pick<NewConversation, "groupId">[],
): Promise<IdleQueue[]> {
  const counts = new Map<string, number>();
  for (const { groupId } of opened) counts.set(groupId, (counts.get(groupId) ?? 0) + 1);
  const groups = [...counts].map(([groupId, count]) => ({ groupId, count }));
  const ids = asJson(groups);
  // One round trip: the server runs them in this order, so each sees what those did who held the groups before.
  const [locked, idle, rows] = await Promise.all([
    tx<QueueRow[]>`
      select id as "groupId", turn, round_turn as "roundTurn", presence, offer_seconds as "offerSeconds",
        outside_hours as "outsideHours", hours
      from groups
      where id in (select "groupId" from json_to_recordset(${ids}::text::json) as wanted("groupId" uuid))
        and distribution = 'automatic' and returning_within_days = 0
      order by id
      for no key update skip locked`,
    tx<{ groupId: string; now: Date }[]>`
      select "groupId", (select turno_now()) as now
      from json_to_recordset(${ids}::text::json) as wanted("groupId" uuid)
      where not exists (select from conversations where group_id = "groupId" and state = 'queued')`,
    readRotations(tx, groups),
  ]);
  const members = seeMembers(groups, rows);
  const instants = new Map(idle.map(({ groupId, now }) => [groupId, now]));
  return locked.flatMap((group) => {
    const now = instants.get(group.groupId);
    const seen = members.get(group.groupId);
    if (now === undefined || seen === undefined || isOutside(group, now)) return [];
    return [{ ...group, ...seen, now }];
  });
}

/** Who gets which of the conversations that open now, with the turns that this takes; the rest waits. */
export interface OpenedAssignments extends Chosen {
  assigned: AssignedConversation[];
}

/** Decides who gets what opens in the groups, in the order given, and locks these agents without waiting for one. */
export async function assignOpened(
  tx: Transaction,
  queues: readonly IdleQueue[],
  opened: readonly NewConversation[],
  createId: () => string,
): Promise<OpenedAssignments> {
  if (queues.length === 0) return { assigned: [], holding: [], full: new Set(), resting: [] };
  const chosen = await lockChosen(tx, decide(queues, opened), { isWaiting: false });
  const byId = new Map(opened.map((conversation) => [conversation.id, conversation]));
  const offers = new Map(queues.map(({ groupId, offerSeconds }) => [groupId, offerSeconds]));
  const assigned = chosen.holding.flatMap(({ groupId, deciding, distribution }) =>
    distribution.assignments.map((assignment) => {
      const offeredUntil = offerOf(assignment.reason.rule, offers.get(groupId) ?? 0, deciding.now);
      return { ...toAssigned(assignment, byId.get(assignment.conversationId), createId()), offeredUntil };
    }),
  );
  return { ...chosen, assigned };
}

function decide(queues: readonly IdleQueue[], opened: readonly NewConversation[]): Decided[] {
  const openedIn = Map.groupBy(opened, ({ groupId }) => groupId);
  const deciding = queues.map(({ groupId, turn, roundTurn, ...queue }) => ({
    ...queue,
    rotation: { turn, roundTurn },
    returningWaitMs: 0,
    waiting: (openedIn.get(groupId) ?? []).map(({ id, openedAt }) => ({
      conversationId: id,
      queuedAt: openedAt,
      returningAgentId: null,
      requeuedFromAgentId: null,
      lapsedAgentIds: [],
      lapsedAt: null,
    })),
  }));
  const distributions = distributeInGroups(deciding);
  return queues.flatMap(({ groupId }, index) => {
    const [group, distribution] = [deciding[index], distributions[index]];
    return group === undefined || distribution === undefined ? [] : [{ groupId, deciding: group, distribution }];
  });
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
