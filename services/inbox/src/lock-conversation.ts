import type { Actor } from "@turno/contracts";
import type { Ended, TicketLink } from "@turno/conversation";
import {
  and,
  ConflictFailure,
  desc,
  eq,
  expression,
  lockAgents,
  lockConversations,
  nameActor,
  typed,
  type LockedConversation,
  type Transaction,
} from "@turno/database";
import { conversations, events, groups } from "@turno/database/schema";

export interface WorkedConversation extends LockedConversation {
  /** Whether its group asks for a confirmed ticket link at the end. */
  needsTicket: boolean;
  link: TicketLink;
  /** The conversation that a template from it opened, unless that failed, and that one's ticket link. */
  continuedById: string | null;
  continuationsLink: TicketLink;
  /** Who ended it and when, if it is over. */
  ended: Ended | null;
}

/** Locks a conversation after the agent that has it. Returns null if there is no such conversation. */
export async function lockConversation(tx: Transaction, conversationId: string): Promise<WorkedConversation | null> {
  const [seen] = await typed(tx)
    .select({ agentId: conversations.agentId, needsTicket: groups.closingNeedsTicket })
    .from(conversations)
    .innerJoin(groups, eq(groups.id, conversations.groupId))
    .where(eq(conversations.id, conversationId));
  if (seen === undefined) return null;
  if (seen.agentId !== null) await lockAgents(tx, [seen.agentId]);
  const { asked, continuation } = await lockConversations(tx, conversationId);
  if (asked === null || asked.agentId !== seen.agentId) {
    throw new ConflictFailure("the conversation moved before it was locked");
  }
  const ended = asked.state === "closed" ? await readEnd(tx, conversationId) : null;
  return {
    ...asked,
    needsTicket: seen.needsTicket,
    link: toLink(asked),
    continuedById: continuation?.id ?? null,
    continuationsLink: continuation === null ? null : toLink(continuation),
    ended,
  };
}

function toLink({ ticketId, ticketNumber, ticketLink }: LockedConversation): TicketLink {
  if (ticketId === null || ticketNumber === null || ticketLink === null) return null;
  return { ticketId, ticketNumber, link: ticketLink };
}

async function readEnd(tx: Transaction, conversationId: string): Promise<Ended | null> {
  const [row] = await typed(tx)
    .select({ actor: expression<Actor>`${events.data} -> 'actor'`, at: events.occurredAt })
    .from(events)
    .where(and(eq(events.entityId, conversationId), eq(events.type, "conversation.closed")))
    .orderBy(desc(events.sequence))
    .limit(1);
  return row === undefined ? null : { by: await nameActor(tx, row.actor), at: row.at };
}
