import type { CommandAnswer, CommandRequest } from "@turno/contracts";
import { chooseFinalTicket, refuseEnding, type Ending, type Refusal, type TicketRef } from "@turno/conversation";
import {
  eq,
  expression,
  isRefusal,
  readClock,
  release,
  retryOnConflict,
  typed,
  writeEvents,
  type Sql,
  type Transaction,
} from "@turno/database";
import { conversations, ticketHistories } from "@turno/database/schema";
import { confirmLink, lockForWork } from "../tickets/change-link.ts";

/** What is known of a conversation that has just ended. Its history is added to the ticket afterwards. */
type EndedConversation = Omit<CommandAnswer<"close">, "ticket" | "action">;

/** `ticket` is the one that somebody names who finalises. */
type EndRequest = CommandRequest<"close"> & { ticket?: TicketRef };

/**
 * Ends a conversation in one transaction: its assignment ends, its agent has a free place (an expired one's was free
 * already), and its history waits to be added to its ticket. The history is added after the end, because only then
 * nothing more can come into the conversation, and because the ticket store may be another program.
 */
export async function endConversation(
  sql: Sql,
  request: EndRequest,
  ending: Ending,
  createId: () => string,
): Promise<EndedConversation | Refusal> {
  return retryOnConflict(() => sql.begin((tx) => endInTransaction(tx, request, ending, createId)));
}

async function endInTransaction(
  tx: Transaction,
  request: EndRequest,
  ending: Ending,
  createId: () => string,
): Promise<EndedConversation | Refusal> {
  const locked = await lockForWork(tx, request, ending === "closed" ? "close" : "finalise");
  if (isRefusal(locked)) return locked;
  let conversation = locked;
  const { link, continuationsLink } = conversation;
  const ticket = chooseFinalTicket(request.ticket ?? null, link, continuationsLink);
  const ticketLink = ticket === null ? conversation.ticketLink : "confirmed";
  const refusal = refuseEnding(ending, { ...conversation, ticketLink });
  if (refusal !== null) return refusal;

  const now = await readClock(tx);
  if (ticket !== null && (link?.link !== "confirmed" || link.ticketId !== ticket.ticketId)) {
    conversation = await confirmLink(tx, conversation, ticket, { actor: request.actor, createId });
  }
  const sequence = conversation.sequence + 1;
  await typed(tx)
    .update(conversations)
    .set({ state: "closed", sequence, closedAt: ending === "closed" ? now : null })
    .where(eq(conversations.id, conversation.id));
  await release(tx, { conversationIds: [conversation.id] }, now);
  if (ticket !== null) {
    await typed(tx)
      .insert(ticketHistories)
      .values({
        conversationId: conversation.id,
        ticketId: ticket.ticketId,
        author: request.actor,
        endedAt: now,
        dueAt: expression`turno_clock()`,
      });
  }
  const { id: conversationId, channelId, contactId, phoneNumberId, groupId, agentId } = conversation;
  const ticketId = ticket?.ticketId ?? null;
  const ticketNumber = ticket?.ticketNumber ?? null;
  const place = { conversationId, channelId, phoneNumberId, contactId };
  const data = { ...place, how: ending, groupId, agentId, ticketId, ticketNumber, actor: request.actor };
  await writeEvents(tx, [{ id: createId(), type: "conversation.closed", sequence, data }], now);
  return { conversationId, how: ending, closedAt: now.toISOString(), ticketId, ticketNumber };
}
