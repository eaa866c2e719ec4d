import type { Actor } from "@turno/contracts";
import { OF_NO_GROUP, refuseUnpermitted, type Refusal, type Subject } from "@turno/conversation";
import { and, eq, expression, inArray, isRefusal, or, readAsker, typed, type Sql } from "@turno/database";
import { conversations } from "@turno/database/schema";

/** Returns why the actor may not search and read tickets, or null where it may. */
export async function refuseReadingTickets(sql: Sql, actor: Actor): Promise<Refusal | null> {
  const asker = await readAsker(sql, actor);
  return isRefusal(asker) ? asker : refuseUnpermitted(asker, "read-tickets", OF_NO_GROUP);
}

/** Returns why the actor may not edit the ticket, or null where it may. */
export async function refuseEditingTicket(sql: Sql, actor: Actor, ticketId: string): Promise<Refusal | null> {
  const [asker, subject] = await Promise.all([readAsker(sql, actor), readSubject(sql, ticketId)]);
  return isRefusal(asker) ? asker : refuseUnpermitted(asker, "edit-ticket", subject);
}

/**
 * A ticket is of those who have, or had, a conversation that is linked to it, and of its groups; without one it is of no
 * group. One that is only proposed is of those who have the conversation now: they look at it before they decide.
 */
async function readSubject(sql: Sql, ticketId: string): Promise<Subject> {
  const { agentId, groupId, ticketLink, state } = conversations;
  const [row] = await typed(sql)
    .select({
      agentIds: expression<
        string[]
      >`coalesce(array_agg(distinct ${agentId}) filter (where ${agentId} is not null), '{}')`,
      groupIds: expression<string[] | null>`array_agg(distinct ${groupId})`,
    })
    .from(conversations)
    .where(
      and(eq(conversations.ticketId, ticketId), or(eq(ticketLink, "confirmed"), inArray(state, ["active", "expired"]))),
    );
  return row ?? OF_NO_GROUP;
}
