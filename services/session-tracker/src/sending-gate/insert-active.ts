import { firstCheckOf } from "@turno/conversation";
import { recordReopening, type LockedConversation, type Transaction } from "@turno/database";

/** An active conversation as a template opens it: with its agent, and without an open session until the customer answers. */
export type OpenedByTemplate = LockedConversation & { agentId: string };

/** Writes it with its assignment. The caller holds the lock of the agent, and writes the event that tells of both. */
export async function insertActive(tx: Transaction, opened: OpenedByTemplate, assignmentId: string): Promise<void> {
  const { id: conversationId, channelId, contactId, groupId, agentId, openedAt: now } = opened;
  await tx`
    insert into conversations
      (id, channel_id, contact_id, group_id, state, agent_id, opened_at, queued_at, assigned_at, session_closed_at,
        check_at, continues_conversation_id, ticket_id, ticket_number, ticket_link, sequence)
    values
      (${conversationId}, ${channelId}, ${contactId}, ${groupId}, 'active', ${agentId}, ${now}, ${now}, ${now},
        ${opened.sessionClosedAt}, ${firstCheckOf(opened)}, ${opened.continuesConversationId}, ${opened.ticketId},
        ${opened.ticketNumber}, ${opened.ticketLink}, ${opened.sequence})`;
  await recordReopening(tx, { conversationId, groupId, assignmentId, agentId }, now);
}
