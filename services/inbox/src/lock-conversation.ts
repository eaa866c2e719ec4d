import type { Actor } from "@turno/contracts";
import type { Ended, TicketLink } from "@turno/conversation";
import {
  ConflictFailure,
  lockAgents,
  lockConversations,
  nameActor,
  type LockedConversation,
  type Transaction,
} from "@turno/database";

export interface WorkedConversation extends LockedConversation {
  /** Whether its group asks for a confirmed ticket link at the end. */
  needsTicket: boolean;
  link: TicketLink;
  /** Who ended it and when, if it is over. */
  ended: Ended | null;
}

/** Locks a conversation after the agent that has it. Returns null if there is no such conversation. */
export async function lockConversation(tx: Transaction, conversationId: string): Promise<WorkedConversation | null> {
  const [seen] = await tx<{ agentId: string | null; needsTicket: boolean }[]>`
    select conversation.agent_id as "agentId", groups.closing_needs_ticket as "needsTicket"
    from conversations as conversation join groups on groups.id = conversation.group_id
    where conversation.id = ${conversationId}`;
  if (seen === undefined) return null;
  if (seen.agentId !== null) await lockAgents(tx, [seen.agentId]);
  const { asked } = await lockConversations(tx, conversationId);
  if (asked === null || asked.agentId !== seen.agentId) {
    throw new ConflictFailure("the conversation moved before it was locked");
  }
  const ended = asked.state === "closed" ? await readEnd(tx, conversationId) : null;
  return { ...asked, needsTicket: seen.needsTicket, link: toLink(asked), ended };
}

function toLink({ ticketId, ticketNumber, ticketLink }: LockedConversation): TicketLink {
  if (ticketId === null || ticketNumber === null || ticketLink === null) return null;
  return { ticketId, ticketNumber, link: ticketLink };
}

async function readEnd(tx: Transaction, conversationId: string): Promise<Ended | null> {
  const [row] = await tx<{ data: { actor: Actor }; at: Date }[]>`
    select data, occurred_at as at from events
    where entity_id = ${conversationId} and type = 'conversation.closed' order by sequence desc limit 1`;
  return row === undefined ? null : { by: await nameActor(tx, row.data.actor), at: row.at };
}
