import type { ConversationState } from "@turno/conversation";
import type { Transaction } from "./connection.ts";

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
  offeredUntil: Date | null;
  openedAt: Date;
  sessionEndsAt: Date | null;
  sessionClosedAt: Date | null;
  continuesConversationId: string | null;
  joinedIntoId: string | null;
  ticketId: string | null;
  ticketNumber: number | null;
  ticketLink: "proposed" | "confirmed" | null;
}

export interface LockedConversations {
  asked: LockedConversation | null;
  /** The other open conversation with the same contact on the same channel, if there is one. */
  open: LockedConversation | null;
  /** The conversation that a template from the asked one opened, unless it failed, or into which it was joined. */
  continuation: LockedConversation | null;
}

/** Locks a conversation and those that it may have led to. */
export async function lockConversations(tx: Transaction, conversationId: string): Promise<LockedConversations> {
  const rows = await tx<LockedConversation[]>`
    select conversation.id, conversation.channel_id as "channelId", conversation.contact_id as "contactId",
      conversation.group_id as "groupId", channel.phone_number_id as "phoneNumberId",
      channel.account_id as "accountId", conversation.state, conversation.agent_id as "agentId",
      conversation.sequence, conversation.offered_until as "offeredUntil", conversation.opened_at as "openedAt", conversation.session_ends_at as "sessionEndsAt",
      conversation.session_closed_at as "sessionClosedAt",
      conversation.continues_conversation_id as "continuesConversationId",
      conversation.joined_into_id as "joinedIntoId", conversation.ticket_id as "ticketId",
      conversation.ticket_number as "ticketNumber", conversation.ticket_link as "ticketLink"
    from conversations as conversation join channels as channel on channel.id = conversation.channel_id
    where conversation.id = ${conversationId} or (
      conversation.continues_conversation_id = ${conversationId} and conversation.state <> 'failed') or (
      conversation.id = (select joined_into_id from conversations where id = ${conversationId})) or (
      conversation.state in ('queued', 'active') and (conversation.contact_id, conversation.channel_id) = (
        select contact_id, channel_id from conversations where id = ${conversationId}))
    order by conversation.id
    for update of conversation`;
  const asked = rows.find(({ id }) => id === conversationId) ?? null;
  const others = rows.filter(({ id }) => id !== conversationId);
  return {
    asked,
    open: others.find(isOpen) ?? null,
    continuation: others.find((other) => isContinuation(other, conversationId, asked)) ?? null,
  };
}

function isContinuation(other: LockedConversation, conversationId: string, asked: LockedConversation | null): boolean {
  return other.continuesConversationId === conversationId || other.id === asked?.joinedIntoId;
}

export function isOpen({ state }: LockedConversation): boolean {
  return state === "queued" || state === "active";
}
