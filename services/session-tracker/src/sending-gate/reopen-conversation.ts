import { firstCheckOf } from "@turno/conversation";
import {
  recordReopening,
  writeEvents,
  type AgentRow,
  type LockedConversation,
  type Transaction,
} from "@turno/database";

/**
 * Opens the new active conversation that a template on an expired one leads to, with the agent who sends it. It
 * inherits a confirmed ticket link, and has no open session until the customer answers. The expired one does not
 * change.
 */
export async function reopenConversation(
  tx: Transaction,
  expired: LockedConversation,
  agent: AgentRow,
  now: Date,
  createId: () => string,
): Promise<LockedConversation> {
  const isConfirmed = expired.ticketLink === "confirmed";
  const opened: LockedConversation = {
    ...expired,
    id: createId(),
    state: "active",
    agentId: agent.agentId,
    sequence: 1,
    openedAt: now,
    sessionEndsAt: null,
    continuesConversationId: expired.id,
    joinedIntoId: null,
    offeredUntil: null,
    ticketId: isConfirmed ? expired.ticketId : null,
    ticketNumber: isConfirmed ? expired.ticketNumber : null,
    ticketLink: isConfirmed ? "confirmed" : null,
  };
  const { id, channelId, contactId, groupId, phoneNumberId } = opened;
  const { agentId } = agent;
  await tx`
    insert into conversations
      (id, channel_id, contact_id, group_id, state, agent_id, opened_at, queued_at, assigned_at, session_closed_at,
        check_at, continues_conversation_id, ticket_id, ticket_number, ticket_link, sequence)
    values
      (${id}, ${channelId}, ${contactId}, ${groupId}, 'active', ${agentId}, ${now}, ${now}, ${now},
        ${opened.sessionClosedAt}, ${firstCheckOf(opened)}, ${expired.id}, ${opened.ticketId}, ${opened.ticketNumber},
        ${opened.ticketLink}, ${opened.sequence})`;
  await recordReopening(tx, { conversationId: id, groupId, assignmentId: createId(), agentId }, now);
  const data = {
    conversationId: id,
    channelId,
    phoneNumberId,
    contactId,
    groupId,
    agentId,
    continuesConversationId: expired.id,
  };
  await writeEvents(tx, [{ id: createId(), type: "conversation.reopened", sequence: 1, data }], now);
  return opened;
}
