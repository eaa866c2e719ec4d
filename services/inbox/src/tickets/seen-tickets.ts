import { type Sight } from "@turno/conversation";
import {
  and,
  desc,
  eq,
  expression,
  isAnyOf,
  isNotNull,
  isNull,
  isWithinSight,
  lt,
  openWithinSight,
  typed,
  type Condition,
  type Sql,
} from "@turno/database";
import { conversations } from "@turno/database/schema";
import type { Ticket } from "./ticket-store.ts";

/** What decides who sees a ticket, whatever store keeps it: `isTicketSeen` in the rules, as a statement. */
type Asked = Pick<Ticket, "id" | "requesterId">;

/** Returns which of these tickets are seen by who may read the conversations of the sight. */
export async function onlySeen<T extends Asked>(sql: Sql, sight: Sight, tickets: readonly T[]): Promise<T[]> {
  if (sight.groups === "all" || tickets.length === 0) return [...tickets];
  const ids = tickets.map(({ id }) => id);
  const madeFor = tickets.filter(({ requesterId }) => requesterId !== null);
  const isLinked = isAnyOf(conversations.ticketId, ids);
  const open = expression`(${openWithinSight(sight)}) as open`;
  const seen = expression`
    select ${conversations.ticketId} as id from ${conversations} where ${and(isLinked, isWithinSight(sight))}
    union
    select ${conversations.ticketId} from ${open}
      join ${conversations} on ${conversations.contactId} = open.contact_id where ${isLinked}
    union
    select asked.id from unnest(${param(madeFor.map(({ id }) => id))}::uuid[],
        ${param(madeFor.map(({ requesterId }) => requesterId))}::uuid[]) as asked(id, requester_id)
      join contacts on contacts.id = asked.requester_id
      join ${open} on open.contact_id = coalesce(contacts.joined_into_id, contacts.id)`;
  const rows = await typed(sql)
    .select({ id: expression<string>`seen.id` })
    .from(expression`(${seen}) as seen`);
  const seenIds = new Set(rows.map(({ id }) => id));
  return tickets.filter(({ id }) => seenIds.has(id));
}

const param = (values: readonly unknown[]) => expression.param([...values]);

/**
 * Lists the numbers of tickets below `before` that are linked to a conversation of the sight, highest first. A number that
 * several conversations name counts as often. Each branch reads an index that has the order, and no more than `limit`.
 */
export async function listLinked(sql: Sql, sight: Sight, before: number, limit: number): Promise<number[]> {
  const { agentId, groups, nobodysGroups } = sight;
  const highest = (isOne: Condition | undefined) =>
    typed(sql)
      .select({ number: conversations.ticketNumber })
      .from(conversations)
      .where(and(isOne, isNotNull(conversations.ticketId), lt(conversations.ticketNumber, before)))
      .orderBy(desc(conversations.ticketNumber))
      .limit(limit);
  const ofGroups = (ids: readonly string[], isOne?: Condition) => expression`
    select linked.number from unnest(${param(ids)}::uuid[]) as one(id)
    cross join lateral ${highest(and(expression`${conversations.groupId} = one.id`, isOne))} as linked(number)`;
  const branches = [
    ...(agentId === null ? [] : [expression`${highest(eq(conversations.agentId, agentId))}`]),
    ...(isListed(groups) ? [ofGroups(groups)] : []),
    ...(isListed(nobodysGroups) ? [ofGroups(nobodysGroups, isNull(conversations.agentId))] : []),
  ];
  if (branches.length === 0) return [];
  const rows = await typed(sql)
    .select({ number: expression<number>`linked.number` })
    .from(expression`(${expression.join(branches, expression` union all `)}) as linked(number)`)
    .orderBy(expression`linked.number desc`)
    .limit(limit);
  return rows.map(({ number }) => number);
}
const isListed = (scope: Sight["groups"]): scope is readonly string[] => typeof scope !== "string";

/** Contacts of open conversations, and the numbers of tickets that are linked to any conversation of theirs. */
export interface OfContacts {
  contactIds: string[];
  numbers: number[];
}

/**
 * Lists the contacts with whom the sight has an open conversation, with those that were joined with them, and the numbers
 * of the tickets that are linked to any conversation of theirs.
 */
export async function listOfContacts(sql: Sql, sight: Sight): Promise<OfContacts> {
  const linked = typed(sql)
    .select({ number: conversations.ticketNumber })
    .from(conversations)
    .where(and(expression`${conversations.contactId} = open.contact_id`, isNotNull(conversations.ticketId)));
  const rows = await typed(sql)
    .select({
      contactId: expression<string>`open.contact_id`,
      joinedIds: expression<string[]>`array(select id from contacts where joined_into_id = open.contact_id)`,
      numbers: expression<number[]>`array(${linked})`,
    })
    .from(expression`(select distinct contact_id from (${openWithinSight(sight)}) as each) as open`);
  return {
    contactIds: rows.flatMap(({ contactId, joinedIds }) => [contactId, ...joinedIds]),
    numbers: [...new Set(rows.flatMap(({ numbers }) => numbers))],
  };
}
