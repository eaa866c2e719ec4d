import { writeEvents, type AgentRow, type LockedConversation, type Transaction } from "@turno/database";
import { insertActive, type OpenedByTemplate } from "./insert-active.ts";

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
  const opened: OpenedByTemplate = {
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
  const { id, channelId, contactId, groupId, phoneNumberId, agentId } = opened;
  await insertActive(tx, opened, createId());
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
