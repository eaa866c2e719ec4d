import type { CommandAnswer, CommandRequest } from "@turno/contracts";
import {
  isThere,
  refuse,
  refuseDeactivated,
  refuseMovedAway,
  refuseMoving,
  refuseReceiver,
  refuseSame,
  refuseTransferBy,
  refuseWhereItIs,
  type PresenceRule,
  type Refusal,
} from "@turno/conversation";
import {
  ConflictFailure,
  isRefusal,
  lockAgents,
  readAsker,
  readClock,
  release,
  retryOnConflict,
  writeAssignments,
  writeEvents,
  type AgentRow,
  type Sql,
  type Transaction,
} from "@turno/database";
import { readLastMove, readLastTransfer } from "./read-last-move.ts";

interface ConversationRow {
  conversationId: string;
  channelId: string;
  contactId: string;
  groupId: string;
  phoneNumberId: string;
  state: string;
  agentId: string | null;
  sequence: number;
}

interface GroupRow {
  id: string;
  presence: PresenceRule;
}

/** Gives a conversation to another agent, or to a group's queue. Locks groups, agents and conversation, each by id. */
export async function transfer(
  sql: Sql,
  request: CommandRequest<"transfer">,
  createId: () => string,
): Promise<CommandAnswer<"transfer"> | Refusal> {
  return retryOnConflict(() => sql.begin((tx) => transferInTransaction(tx, request, createId)));
}

async function transferInTransaction(
  tx: Transaction,
  request: CommandRequest<"transfer">,
  createId: () => string,
): Promise<CommandAnswer<"transfer"> | Refusal> {
  const seen = await readConversation(tx, request.conversationId);
  if (seen === undefined) return refuse("not-found", `There is no conversation ${request.conversationId}.`);
  const toAgentId = "agentId" in request.to ? request.to.agentId : null;
  const toGroupId = request.to.groupId ?? seen.groupId;
  const to = { agentId: toAgentId, groupId: toGroupId };

  const groups = await lockGroups(tx, [seen.groupId, toGroupId]);
  const agents = await lockAgents(
    tx,
    [seen.agentId, toAgentId].filter((id) => id !== null),
  );
  const [conversation, now] = await Promise.all([readConversation(tx, request.conversationId, true), readClock(tx)]);
  const asker = await readAsker(tx, request.actor);
  if (isRefusal(asker)) return asker;
  if (conversation === undefined || conversation.agentId !== seen.agentId || conversation.groupId !== seen.groupId) {
    const asked = { seen, to, force: request.force };
    const same = refuseSame(asker, asked, await readLastTransfer(tx, request.conversationId));
    if (same !== null) return same;
    throw new ConflictFailure("the conversation moved before it was locked");
  }
  const denied = refuseTransferBy(asker, conversation, request.force);
  if (denied !== null) {
    const transferred = await readLastTransfer(tx, request.conversationId);
    return refuseMovedAway(asker, transferred, request.force) ?? denied;
  }
  const isOver = refuseMoving(conversation.state);
  if (isOver !== null) return isOver;
  const group = groups.get(toGroupId);
  if (group === undefined) return refuse("not-found", `There is no group ${toGroupId}.`);
  const receiver = toAgentId === null ? null : (agents.get(toAgentId) ?? null);
  if (isThere(conversation, to)) return refuseWhereItIs(to, await readLastMove(tx, request.conversationId));
  if (toAgentId !== null && receiver === null) return refuse("not-found", `There is no agent ${toAgentId}.`);
  const gone = receiver === null ? null : refuseDeactivated(receiver);
  if (gone !== null) return gone;
  const refusal = receiver === null || request.force ? null : refuseReceiver(receiver, group, now);
  if (refusal !== null) return refusal;

  await leave(tx, conversation, request, toGroupId, now, createId);
  if (receiver !== null) await give(tx, conversation, receiver, toGroupId, now, createId);
  return {
    conversationId: conversation.conversationId,
    state: receiver === null ? "queued" : "active",
    groupId: toGroupId,
    agentId: receiver?.agentId ?? null,
  };
}

/** Ends the current assignment: the conversation waits in the group's queue, and its transfer is on the timeline. */
async function leave(
  tx: Transaction,
  conversation: ConversationRow,
  request: CommandRequest<"transfer">,
  toGroupId: string,
  now: Date,
  createId: () => string,
): Promise<void> {
  const { conversationId, channelId, contactId, phoneNumberId, agentId, groupId } = conversation;
  const toAgentId = "agentId" in request.to ? request.to.agentId : null;
  const data = {
    conversationId,
    channelId,
    phoneNumberId,
    contactId,
    from: { groupId, agentId },
    to: { groupId: toGroupId, agentId: toAgentId },
    reason: request.reason ?? null,
    actor: request.actor,
    forced: request.force,
  };
  const sequence = conversation.sequence + 1;
  await Promise.all([
    tx`
      update conversations set state = 'queued', agent_id = null, assigned_at = null, group_id = ${toGroupId},
        queued_at = ${now}, requeued_from_agent_id = ${agentId}, lapsed_agent_ids = '{}', lapsed_at = null,
        sequence = ${sequence}
      where id = ${conversationId}`,
    release(tx, { conversationIds: [conversationId], queuedInGroupIds: toAgentId === null ? [toGroupId] : [] }, now),
    writeEvents(tx, [{ id: createId(), type: "conversation.transferred", sequence, data }], now),
  ]);
}

async function give(
  tx: Transaction,
  conversation: ConversationRow,
  receiver: AgentRow,
  groupId: string,
  now: Date,
  createId: () => string,
): Promise<void> {
  const { conversationId, channelId, contactId, phoneNumberId } = conversation;
  const reason = { rule: "transfer" as const, turn: null, candidates: [receiver.agentId], leftOut: [] };
  const place = { conversationId, channelId, contactId, groupId, phoneNumberId, queuedAt: now };
  await writeAssignments(tx, [{ ...place, assignmentId: createId(), agentId: receiver.agentId, reason }], now);
}

async function lockGroups(tx: Transaction, groupIds: readonly string[]): Promise<Map<string, GroupRow>> {
  const rows = await tx<GroupRow[]>`
    select id, presence
    from groups where id = any(${[...groupIds]}::uuid[]) order by id for no key update`;
  return new Map(rows.map((row) => [row.id, row]));
}

async function readConversation(
  tx: Transaction,
  conversationId: string,
  isLocking = false,
): Promise<ConversationRow | undefined> {
  const [row] = await tx<ConversationRow[]>`
    select conversation.id as "conversationId", conversation.channel_id as "channelId",
      conversation.contact_id as "contactId", conversation.group_id as "groupId",
      channel.phone_number_id as "phoneNumberId", conversation.state, conversation.agent_id as "agentId",
      conversation.sequence
    from conversations as conversation join channels as channel on channel.id = conversation.channel_id
    where conversation.id = ${conversationId} ${isLocking ? tx`for update of conversation` : tx``}`;
  return row;
}
