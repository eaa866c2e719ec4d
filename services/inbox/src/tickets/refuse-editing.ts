import type { Actor } from "@turno/contracts";
import { isOperatorOf, refuse, type Refusal } from "@turno/conversation";
import { and, eq, isRefusal, readAsker, typed, type Sql } from "@turno/database";
import { conversations } from "@turno/database/schema";

/** Every agent, operator and admin may look for and read tickets; an unknown one may not. */
export async function refuseReadingTickets(sql: Sql, actor: Actor): Promise<Refusal | null> {
  const asker = await readAsker(sql, actor);
  return isRefusal(asker) ? asker : null;
}

/** A ticket is edited by who has, or had, a conversation that is linked to it, by operators, admins and services. */
export async function refuseEditingTicket(sql: Sql, actor: Actor, ticketId: string): Promise<Refusal | null> {
  const asker = await readAsker(sql, actor);
  if (isRefusal(asker)) return asker;
  if (asker.kind === "service" || isOperatorOf(asker, asker.groupIds)) return null;
  const { id, ticketLink, agentId } = conversations;
  const [own] = await typed(sql)
    .select({ id })
    .from(conversations)
    .where(and(eq(conversations.ticketId, ticketId), eq(ticketLink, "confirmed"), eq(agentId, asker.agentId)))
    .limit(1);
  if (own !== undefined) return null;
  return refuse(
    "not-permitted",
    "Only who has a conversation linked to this ticket, an operator or an admin edits it.",
  );
}
