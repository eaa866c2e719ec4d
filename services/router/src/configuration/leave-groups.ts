import type { CommandRequest } from "@turno/contracts";
import { refuse, refuseDeactivated, refuseReceiver, type PresenceRule, type Refusal } from "@turno/conversation";
import {
  asJson,
  readClock,
  release,
  writeAssignments,
  writeEvents,
  type AgentRow,
  type AssignedConversation,
  type NewEvent,
  type Transaction,
} from "@turno/database";

type NamedAgent = CommandRequest<"configure">["agents"][number];

interface LeftRow {
  conversationId: string;
  channelId: string;
  contactId: string;
  phoneNumberId: string;
  groupId: string;
  presence: PresenceRule;
  agentId: string;
  sequence: number;
  state: "active" | "expired";
}

/** A conversation that its agent leaves, and who gets it; null for the queue of its group. */
interface Left extends LeftRow {
  reason: string;
  receiver: AgentRow | null;
  isForced: boolean;
}

/** An active conversation that an agent leaves, and where it goes: an agent, or null for the queue of its group. */
export interface HandedOver {
  agentId: string;
  groupId: string;
  toAgentId: string | null;
}

/**
 * Takes from agents what they have in groups that they leave: all groups for whoever is deactivated. Active conversations
 * go back to the queue at the place that their waiting time gives them, or to who is named; what has expired becomes
 * nobody's, so that the members of its group see and finalise it. The caller holds the locks of all groups and of the
 * agents. Returns where active ones go, or why a receiver may not have them.
 */
export async function leaveGroups(
  tx: Transaction,
  request: CommandRequest<"configure">,
  before: ReadonlyMap<string, AgentRow>,
  createId: () => string,
): Promise<HandedOver[] | Refusal> {
  const leaving = request.agents.flatMap((named) => toLeaving(named, before.get(named.id)));
  if (leaving.length === 0) return [];
  const rows = await lockLeft(tx, leaving);
  const now = await readClock(tx);
  const byId = new Map(request.agents.map((named) => [named.id, named]));
  const left: Left[] = [];
  for (const row of rows.filter(({ state }) => state === "active")) {
    const { handOverTo, force = false, active } = byId.get(row.agentId) ?? {};
    const receiver = handOverTo === undefined ? null : (before.get(handOverTo) ?? null);
    if (handOverTo !== undefined) {
      const refusal = refuseHandOver(receiver, handOverTo, { row, force, now, leaving });
      if (refusal !== null) return refusal;
    }
    // Counted, so that the next one meets the limit.
    if (receiver !== null) receiver.activeCount += 1;
    const reason = active === false ? "The agent was deactivated." : "The agent left the group.";
    left.push({ ...row, reason, receiver, isForced: force });
  }
  const expiredIds = rows.filter(({ state }) => state === "expired").map(({ conversationId }) => conversationId);
  if (expiredIds.length > 0) {
    await tx`update conversations set agent_id = null where id = any(${expiredIds}::uuid[])`;
  }
  await moveAway(tx, left, { actor: request.actor, now, createId });
  return left.map(({ agentId, groupId, receiver }) => ({ agentId, groupId, toAgentId: receiver?.agentId ?? null }));
}

/** The groups that the agent leaves; null for all, and also for what it has in groups of which it is no member. */
function toLeaving(named: NamedAgent, agent: AgentRow | undefined): { agentId: string; groupIds: string[] | null }[] {
  if (agent === undefined) return [];
  if (named.active === false) return [{ agentId: named.id, groupIds: null }];
  const groupIds = agent.groupIds.filter((groupId) => !named.groupIds.includes(groupId));
  return groupIds.length === 0 ? [] : [{ agentId: named.id, groupIds }];
}

/** Locks the active and expired conversations that are left. */
async function lockLeft(
  tx: Transaction,
  leaving: readonly { agentId: string; groupIds: string[] | null }[],
): Promise<LeftRow[]> {
  const of = asJson(leaving);
  const isLeft = tx`
    conversation.agent_id = leaving."agentId" and (leaving."groupIds" is null or conversation.group_id = any(leaving."groupIds"))`;
  return tx<LeftRow[]>`
    select conversation.id as "conversationId", conversation.channel_id as "channelId",
      conversation.contact_id as "contactId", channel.phone_number_id as "phoneNumberId",
      conversation.group_id as "groupId", groups.presence,
      conversation.agent_id as "agentId", conversation.sequence, conversation.state
    from json_to_recordset(${of}::text::json) as leaving("agentId" uuid, "groupIds" uuid[])
    join conversations as conversation on ${isLeft} and conversation.state in ('active', 'expired')
    join channels as channel on channel.id = conversation.channel_id
    join groups on groups.id = conversation.group_id
    order by conversation.id for update of conversation`;
}

function refuseHandOver(
  receiver: AgentRow | null,
  receiverId: string,
  context: { row: LeftRow; force: boolean; now: Date; leaving: readonly { agentId: string }[] },
): Refusal | null {
  const { row, force, now, leaving } = context;
  const of = { section: "agents", id: row.agentId, field: "handOverTo" };
  if (receiver === null) return refuse("not-found", `agents.handOverTo: there is no agent ${receiverId}.`, of);
  if (leaving.some(({ agentId }) => agentId === receiverId)) {
    return refuse("invalid", `agents.handOverTo: ${receiverId} leaves a group in the same request.`, of);
  }
  const deactivated = refuseDeactivated(receiver);
  const refused =
    deactivated ?? (force ? null : refuseReceiver(receiver, { id: row.groupId, presence: row.presence }, now));
  return refused === null ? null : { ...refused, details: { ...refused.details, ...of } };
}

async function moveAway(
  tx: Transaction,
  left: readonly Left[],
  context: { actor: CommandRequest<"configure">["actor"]; now: Date; createId: () => string },
): Promise<void> {
  if (left.length === 0) return;
  const { actor, now, createId } = context;
  const conversationIds = left.map(({ conversationId }) => conversationId);
  const queuedInGroupIds = left.filter(({ receiver }) => receiver === null).map(({ groupId }) => groupId);
  const events = left.map((one): NewEvent => {
    const { conversationId, channelId, contactId, phoneNumberId, groupId, agentId, reason, receiver } = one;
    const moved = { from: { groupId, agentId }, to: { groupId, agentId: receiver?.agentId ?? null }, reason };
    const data = { conversationId, channelId, phoneNumberId, contactId, ...moved, actor, forced: one.isForced };
    return { id: createId(), type: "conversation.transferred", sequence: one.sequence + 1, data };
  });
  await Promise.all([
    tx`
      update conversations set state = 'queued', agent_id = null, assigned_at = null,
        requeued_from_agent_id = agent_id, sequence = sequence + 1
      where id = any(${conversationIds}::uuid[])`,
    release(tx, { conversationIds, queuedInGroupIds: [...new Set(queuedInGroupIds)] }, now),
    writeEvents(tx, events, now),
  ]);
  const given = left.flatMap((one): AssignedConversation[] => {
    const { conversationId, channelId, contactId, phoneNumberId, groupId, receiver } = one;
    if (receiver === null) return [];
    const reason = { rule: "transfer" as const, turn: null, candidates: [receiver.agentId], leftOut: [] };
    const place = { conversationId, channelId, contactId, groupId, phoneNumberId, queuedAt: now };
    return [{ ...place, assignmentId: createId(), agentId: receiver.agentId, reason }];
  });
  if (given.length > 0) await writeAssignments(tx, given, now);
}
