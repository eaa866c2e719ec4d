import type { Actor } from "@turno/contracts";
import { isOperatorOf, refuse, type Refusal } from "@turno/conversation";
import { isRefusal, readAsker, type Sql } from "@turno/database";

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
  const [own] = await sql`
    select from conversations
    where ticket_id = ${ticketId} and ticket_link = 'confirmed' and agent_id = ${asker.agentId} limit 1`;
  if (own !== undefined) return null;
  return refuse(
    "not-permitted",
    "Only who has a conversation linked to this ticket, an operator or an admin edits it.",
  );
}
