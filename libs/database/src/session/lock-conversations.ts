import type { ConversationState } from "@turno/conversation";
import type { Transaction } from "../connection.ts";

export interface LockedConversation {
  id: string;
  channelId: string;
  contactId: string;
  groupId: string;
  phoneNumberId: string;
  accountId: string | null;
  state: ConversationState;
  agentId: string | null;
  sequence: number;
  openedAt: Date;
  sessionEndsAt: Date | null;
  sessionClosedAt: Date | null;
  continuesConversationId: string | null;
  ticketId: string | null;
  ticketNumber: number | null;
  ticketLink: "proposed" | "confirmed" | null;
}

/** Locks a conversation and, where it is another one, the open conversation with the same contact on the same channel. */
export async function lockConversations(
  tx: Transaction,
  conversationId: string,
): Promise<{ asked: LockedConversation | null; open: LockedConversation | null }> {
  const rows = await tx<LockedConversation[]>`
    select conversation.id, conversation.channel_id as "channelId", conversation.contact_id as "contactId",
      conversation.group_id as "groupId", channel.phone_number_id as "phoneNumberId",
      channel.account_id as "accountId", conversation.state, conversation.agent_id as "agentId",
      conversation.sequence, conversation.opened_at as "openedAt", conversation.session_ends_at as "sessionEndsAt",
      conversation.session_closed_at as "sessionClosedAt",
      conversation.continues_conversation_id as "continuesConversationId", conversation.ticket_id as "ticketId",
      conversation.ticket_number as "ticketNumber", conversation.ticket_link as "ticketLink"
    from conversations as conversation join channels as channel on channel.id = conversation.channel_id
    where conversation.id = ${conversationId} or (
      conversation.state in ('queued', 'active') and (conversation.contact_id, conversation.channel_id) = (
        select contact_id, channel_id from conversations where id = ${conversationId}))
    order by conversation.id
    for update of conversation`;
  const asked = rows.find(({ id }) => id === conversationId) ?? null;
  const open = rows.find(({ id }) => id !== conversationId) ?? null;
  return { asked, open };
}
