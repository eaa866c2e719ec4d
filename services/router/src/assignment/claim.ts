import type { CommandAnswer, CommandRequest } from "@turno/contracts";
import { refuse, refuseClaim, refuseClaimFor, refuseDeactivated, refuseTaken, type Refusal } from "@turno/conversation";
import {
  isRefusal,
  lockAgents,
  readAsker,
  readClock,
  retryOnConflict,
  writeAssignments,
  type AgentRow,
  type Sql,
  type Transaction,
} from "@turno/database";

interface ConversationRow {
  conversationId: string;
  channelId: string;
  contactId: string;
  groupId: string;
  phoneNumberId: string;
  queuedAt: Date;
  state: string;
  agentId: string | null;
  agentName: string | null;
  assignedAt: Date | null;
}

/**
 * Gives one waiting conversation to the agent who claims it. Of several who claim it one gets it, the others learn who
 * and when.
 */
export async function claim(
  sql: Sql,
  request: CommandRequest<"claim">,
  createId: () => string,
): Promise<CommandAnswer<"claim"> | Refusal> {
  return retryOnConflict(() =>
    sql.begin(async (tx) => {
      const seen = await readConversation(tx, request.conversationId);
      if (seen === undefined) return refuse("not-found", `There is no conversation ${request.conversationId}.`);
      await lockGroup(tx, seen.groupId);
      const agent = (await lockAgents(tx, [request.agentId])).get(request.agentId);
      const refusal = await refuseClaimOf(tx, request, agent, seen.groupId);
      if (refusal !== null || agent === undefined) return refusal ?? refuseUnknownAgent(request.agentId);
      const conversation = await readConversation(tx, request.conversationId);
      if (conversation?.state !== "queued") return refuseTaken(conversation ?? seen);
      return take(tx, conversation, agent, createId);
    }),
  );
}

/** Gives an agent the conversation that has waited longest in its group, or in any of its groups. */
export async function claimNext(
  sql: Sql,
  request: CommandRequest<"claim-next">,
  createId: () => string,
): Promise<CommandAnswer<"claim-next"> | Refusal> {
  return retryOnConflict(() =>
    sql.begin(async (tx) => {
      const groupId = request.groupId ?? (await readLongestWaitingGroup(tx, request.agentId));
      if (groupId !== undefined) await lockGroup(tx, groupId);
      const agent = (await lockAgents(tx, [request.agentId])).get(request.agentId);
      const refusal = await refuseClaimOf(tx, request, agent, groupId ?? null);
      if (refusal !== null || agent === undefined) return refusal ?? refuseUnknownAgent(request.agentId);
      // Only who may claim for the agent is told that nothing waits for it.
      if (groupId === undefined) return refuse("queue-empty", "Nothing waits in a group of this agent.");
      const next = await readNext(tx, groupId);
      if (next === undefined) return refuse("queue-empty", "Nothing waits in this group.");
      return take(tx, next, agent, createId);
    }),
  );
}

async function refuseClaimOf(
  tx: Transaction,
  request: CommandRequest<"claim" | "claim-next">,
  agent: AgentRow | undefined,
  /** In which it would claim; null where nothing waits in any of its groups. */
  groupId: string | null,
): Promise<Refusal | null> {
  if (agent === undefined) return refuseUnknownAgent(request.agentId);
  const asker = await readAsker(tx, request.actor);
  if (isRefusal(asker)) return asker;
  const deactivated = refuseDeactivated(agent);
  if (deactivated !== null) return deactivated;
  return groupId === null ? refuseClaimFor(asker, agent) : refuseClaim(asker, agent, groupId);
}

async function take(
  tx: Transaction,
  conversation: ConversationRow,
  agent: AgentRow,
  createId: () => string,
): Promise<CommandAnswer<"claim">> {
  const now = await readClock(tx);
  const { conversationId, channelId, contactId, groupId, phoneNumberId, queuedAt } = conversation;
  const assignmentId = createId();
  const reason = { rule: "claim" as const, turn: null, candidates: [agent.agentId], leftOut: [] };
  const place = { conversationId, channelId, contactId, groupId, phoneNumberId, queuedAt };
  await writeAssignments(tx, [{ ...place, assignmentId, agentId: agent.agentId, reason }], now);
  return { conversationId, assignmentId, agentId: agent.agentId, assignedAt: now.toISOString() };
}

function refuseUnknownAgent(agentId: string): Refusal {
  return refuse("not-found", `There is no agent ${agentId}.`);
}

async function lockGroup(tx: Transaction, groupId: string): Promise<void> {
  await tx`select from groups where id = ${groupId} for no key update`;
}

async function readConversation(tx: Transaction, conversationId: string): Promise<ConversationRow | undefined> {
  const [row] = await tx<ConversationRow[]>`
    select ${conversationColumns(tx)} from conversations as conversation
    join channels as channel on channel.id = conversation.channel_id
    left join agents as agent on agent.id = conversation.agent_id
    where conversation.id = ${conversationId}`;
  return row;
}

async function readNext(tx: Transaction, groupId: string): Promise<ConversationRow | undefined> {
  const [row] = await tx<ConversationRow[]>`
    select ${conversationColumns(tx)} from conversations as conversation
    join channels as channel on channel.id = conversation.channel_id
    left join agents as agent on agent.id = conversation.agent_id
    where conversation.group_id = ${groupId} and conversation.state = 'queued'
    order by conversation.queued_at, conversation.id limit 1`;
  return row;
}

async function readLongestWaitingGroup(tx: Transaction, agentId: string): Promise<string | undefined> {
  const [row] = await tx<{ groupId: string }[]>`
    select oldest.group_id as "groupId"
    from group_members as member cross join lateral (
      select group_id, queued_at from conversations
      where group_id = member.group_id and state = 'queued' order by queued_at, id limit 1
    ) as oldest
    where member.agent_id = ${agentId} order by oldest.queued_at limit 1`;
  return row?.groupId;
}

function conversationColumns(tx: Transaction) {
  return tx`conversation.id as "conversationId", conversation.channel_id as "channelId",
    conversation.contact_id as "contactId", conversation.group_id as "groupId",
    channel.phone_number_id as "phoneNumberId", conversation.queued_at as "queuedAt", conversation.state,
    conversation.agent_id as "agentId", agent.name as "agentName", conversation.assigned_at as "assignedAt"`;
}
