import { canFollowUp, type AgentLoad, type NewConversation, type PresenceRule } from "@turno/conversation";
import { asJson, recordAssignments, writeEvents, type EventMemory, type Transaction } from "@turno/database";
import { setTimeout as pause } from "node:timers/promises";

type Follower = AgentLoad & { groupId: string; presence: PresenceRule; now: Date };

/** A transaction locks an agent for a few milliseconds: how often to try for the lock, and how long to wait between tries. */
const TRIES_MAX = 4;
const HELD_MS = 15;

/**
 * Gives what follows a closing to the agent who closed, without a turn and whatever else the agent has, where it is still
 * a member, available and present. Returns who got what; what is left out waits like anything else.
 *
 * Its transaction already holds conversations, so it never waits for an agent's lock: it tries a few times, and leaves out
 * an agent that stays locked. Call it before anything else is given out in the transaction, which then sees what the agents
 * have got here.
 */
export async function assignFollowUps(
  tx: Transaction,
  opened: readonly NewConversation[],
  context: { createId: () => string; memory: EventMemory | undefined },
): Promise<Map<string, string>> {
  const following = opened.filter(({ follows }) => follows !== null);
  if (following.length === 0) return new Map();
  const followers = await lockFollowers(tx, following);
  const given = following.flatMap((conversation) => {
    const { follows, id: conversationId, channelId, contactId, groupId, phoneNumberId, openedAt } = conversation;
    const agent = followers.get(`${groupId} ${follows?.agentId ?? ""}`);
    if (agent === undefined) return [];
    const { agentId } = agent;
    const reason = { rule: "follow-up" as const, turn: null, candidates: [agentId], leftOut: [] };
    const place = { conversationId, channelId, contactId, groupId, phoneNumberId, queuedAt: openedAt };
    return [
      { conversation, assigned: { ...place, assignmentId: context.createId(), agentId, reason }, now: agent.now },
    ];
  });
  const [first] = given;
  if (first === undefined) return new Map();
  const sequences = new Map(given.map(({ conversation: { id, sequence } }) => [id, sequence + 1]));
  const assigned = given.map((one) => one.assigned);
  await recordAssignments(tx, assigned, sequences, first.now, context.memory);
  await writeLinks(tx, given, first.now, context.createId);
  return new Map(assigned.map(({ conversationId, agentId }) => [conversationId, agentId]));
}

/** Locks the agents who closed, by group and id, as far as they can take what follows. To be full is no reason against it. */
async function lockFollowers(tx: Transaction, following: readonly NewConversation[]): Promise<Map<string, Follower>> {
  const wanted = following.map(({ groupId, follows }) => ({ groupId, agentId: follows?.agentId }));
  for (let tries = 1; ; tries++) {
    const members = await tx<(Follower & { isHeld: boolean })[]>`
      select groups.id as "groupId", groups.presence, (select turno_now()) as now, agent.id is null as "isHeld",
        agent.id as "agentId", agent.availability, agent.capacity, agent.active_count as "activeCount",
        agent.present_until as "presentUntil"
      from json_to_recordset(${asJson(wanted)}::text::json) as wanted("groupId" uuid, "agentId" uuid)
      join groups on groups.id = wanted."groupId"
      join group_members as member on member.group_id = groups.id and member.agent_id = wanted."agentId"
      left join lateral (
        select * from agents where id = member.agent_id for no key update skip locked
      ) as agent on true`;
    if (tries < TRIES_MAX && members.some(({ isHeld }) => isHeld)) {
      await pause(HELD_MS);
      continue;
    }
    const able = members.filter((agent) => !agent.isHeld && canFollowUp(agent, agent.presence, agent.now));
    return new Map(able.map((agent) => [`${agent.groupId} ${agent.agentId}`, agent]));
  }
}

/** Writes the events of the ticket links that go along. The links stand in the rows of the conversations. */
async function writeLinks(
  tx: Transaction,
  given: readonly { conversation: NewConversation }[],
  now: Date,
  createId: () => string,
): Promise<void> {
  const events = given.flatMap(({ conversation: { id, channelId, contactId, phoneNumberId, sequence, follows } }) => {
    const ticket = follows?.ticket ?? null;
    if (ticket === null) return [];
    const place = { conversationId: id, channelId, phoneNumberId, contactId };
    const data = { ...place, ...ticket, actor: { kind: "system" as const }, cause: "follow-up" as const };
    return [{ id: createId(), type: "ticket.confirmed" as const, sequence: sequence + 2, data }];
  });
  if (events.length > 0) await writeEvents(tx, events, now);
}
