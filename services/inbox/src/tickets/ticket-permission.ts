import type { Actor } from "@turno/contracts";
import {
  OF_NO_GROUP,
  refuse,
  refuseUnpermitted,
  sightOf,
  WORKED_STATES,
  type Asker,
  type Refusal,
  type Subject,
} from "@turno/conversation";
import { and, eq, expression, inArray, isRefusal, or, readAsker, typed, type Sql } from "@turno/database";
import { conversations } from "@turno/database/schema";
import { onlySeen } from "./seen-tickets.ts";
import type { Ticket, TicketName, TicketStore } from "./ticket-store.ts";

/** Returns who asks, or why it may see no ticket at all. */
export async function readTicketAsker(sql: Sql, actor: Actor): Promise<Asker | Refusal> {
  const asker = await readAsker(sql, actor);
  if (isRefusal(asker)) return asker;
  const own = asker.kind === "agent" ? { agentIds: [asker.agentId], groupIds: [] } : OF_NO_GROUP;
  return refuseUnpermitted(asker, "read-tickets", own) ?? asker;
}

/** Finds a ticket that the actor sees. Another one is told as one that does not exist, so that numbers tell nothing. */
export async function findSeenTicket(
  sql: Sql,
  store: TicketStore,
  { actor, ticket }: { actor: Actor; ticket: TicketName },
): Promise<Ticket | Refusal> {
  const asker = await readTicketAsker(sql, actor);
  return isRefusal(asker) ? asker : findFor(sql, store, asker, ticket);
}

async function findFor(sql: Sql, store: TicketStore, asker: Asker, name: TicketName): Promise<Ticket | Refusal> {
  const found = await store.find(name);
  const [ticket] = await onlySeen(sql, sightOf(asker), found === null ? [] : [found]);
  const called = "id" in name ? name.id : name.number;
  return ticket ?? refuse("not-found", `There is no ticket ${called} that you may see.`);
}

/** Finds a ticket that the actor may edit. */
export async function findEditableTicket(
  sql: Sql,
  store: TicketStore,
  request: { actor: Actor; ticket: TicketName },
): Promise<Ticket | Refusal> {
  const asker = await readTicketAsker(sql, request.actor);
  if (isRefusal(asker)) return asker;
  const ticket = await findFor(sql, store, asker, request.ticket);
  if (isRefusal(ticket)) return ticket;
  return refuseUnpermitted(asker, "edit-ticket", await readSubject(sql, ticket)) ?? ticket;
}

/**
 * A ticket is of those who have, or had, a conversation that is linked to it, and of its groups. One that is only proposed
 * is of those who have the conversation now: they look at it before they decide. And it is of those who have an open
 * conversation with a contact that it is about.
 */
async function readSubject(sql: Sql, { id, requesterId }: Ticket): Promise<Subject> {
  const { agentId, groupId, contactId, ticketId, ticketLink, state } = conversations;
  const isLinked = and(eq(ticketId, id), or(eq(ticketLink, "confirmed"), inArray(state, ["active", "expired"])));
  const contactIds = expression`
    select linked.contact_id from ${conversations} as linked where linked.ticket_id = ${id}
    union select coalesce(joined_into_id, id) from contacts where id = ${requesterId}`;
  const isWorkedOn = and(expression`${contactId} in (${contactIds})`, inArray(state, [...WORKED_STATES]));
  const [row] = await typed(sql)
    .select({
      agentIds: distinct(agentId),
      groupIds: distinct(groupId),
    })
    .from(conversations)
    .where(or(isLinked, isWorkedOn));
  return row ?? { agentIds: [], groupIds: [] };
}

const distinct = (column: typeof conversations.agentId | typeof conversations.groupId) =>
  expression<string[]>`coalesce(array_agg(distinct ${column}) filter (where ${column} is not null), '{}')`;
