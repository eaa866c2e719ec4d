import { and, eq, expression, gt, inArray, lte, or, typed, type RowOf, type Sql } from "@turno/database";
import { ticketHistories } from "@turno/database/schema";

/** A conversation's history that has still to be added to its ticket. */
export type PendingHistory = RowOf<typeof HISTORY_COLUMNS>;

const HISTORY_COLUMNS = {
  conversationId: ticketHistories.conversationId,
  ticketId: ticketHistories.ticketId,
  author: ticketHistories.author,
  endedAt: ticketHistories.endedAt,
};

const inMs = (ms: number) => expression`turno_clock() + ${ms} * interval '1 millisecond'`;

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
  const { conversationId, dueAt } = ticketHistories;
  const isNamed = options.conversationId === undefined ? undefined : eq(conversationId, options.conversationId);
  const due = typed(sql)
    .select({ conversationId })
    .from(ticketHistories)
    .where(and(or(lte(dueAt, expression`turno_clock()`), gt(dueAt, inMs(DUE_MS_MAX))), isNamed))
    .orderBy(dueAt)
    .limit(options.limit)
    .for("update", { skipLocked: true });
  return typed(sql)
    .update(ticketHistories)
    .set({ dueAt: inMs(options.leaseMs) })
    .where(inArray(conversationId, due))
    .returning(HISTORY_COLUMNS);
}

/** Forgets a history that the ticket store has taken. */
export async function dropHistory(sql: Sql, conversationId: string): Promise<void> {
  await typed(sql).delete(ticketHistories).where(eq(ticketHistories.conversationId, conversationId));
}
