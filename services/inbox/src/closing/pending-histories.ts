import type { Actor } from "@turno/contracts";
import type { Sql } from "@turno/database";

/** A conversation's history that has still to be added to its ticket. */
export interface PendingHistory {
  conversationId: string;
  ticketId: string;
  author: Actor;
  endedAt: Date;
}

export interface HistoryMessage {
  id: string;
  direction: "in" | "out";
  kind: string;
  sentAt: Date;
  /** JSON text: an update as Meta sent it, or a body of the Graph API. */
  payload: string;
}

/** The longest that a history is put off. One that is due later was written by a fast clock. */
const DUE_MS_MAX = 600_000;

/**
 * Takes histories that are due, for `leaseMs`; after that another may take them. Takes only that of `conversationId` if
 * it is given.
 */
export async function takeHistories(
  sql: Sql,
  options: { conversationId?: string; limit: number; leaseMs: number },
): Promise<PendingHistory[]> {
  const { conversationId = null, limit, leaseMs } = options;
  return sql<PendingHistory[]>`
    update ticket_histories set due_at = turno_clock() + ${leaseMs} * interval '1 millisecond'
    where conversation_id in (
      select conversation_id from ticket_histories
      where (due_at <= turno_clock() or due_at > turno_clock() + ${DUE_MS_MAX} * interval '1 millisecond') and (${conversationId}::uuid is null or conversation_id = ${conversationId}::uuid)
      order by due_at limit ${limit} for update skip locked)
    returning conversation_id as "conversationId", ticket_id as "ticketId", author, ended_at as "endedAt"`;
}

/** Forgets a history that the ticket store has taken. */
export async function dropHistory(sql: Sql, conversationId: string): Promise<void> {
  await sql`delete from ticket_histories where conversation_id = ${conversationId}`;
}

/** Reads a conversation's messages in the order in which they took effect, from after `afterId`. */
export async function readHistoryPage(
  sql: Sql,
  conversationId: string,
  afterId: string | null,
  limit: number,
): Promise<HistoryMessage[]> {
  return sql<HistoryMessage[]>`
    select id, direction, kind, sent_at as "sentAt", payload::text as payload from messages
    where conversation_id = ${conversationId} and (${afterId}::uuid is null or id > ${afterId}::uuid)
    order by id limit ${limit}`;
}
