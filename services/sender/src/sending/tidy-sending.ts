import { and, eq, expression, lt, typed, type Sql } from "@turno/database";
import { circuits, rateLimits, waitingStatuses } from "@turno/database/schema";

/** How long a status waits for its message. Meta resends webhooks for seven days. */
const WAITING_DAYS_MAX = 7;

/**
 * Deletes statuses of messages that are not ours, the rates of pairs that are at rest, and circuits of tokens long
 * replaced.
 */
export async function tidySending(sql: Sql): Promise<{ statuses: number; rates: number; circuits: number }> {
  const weekAgo = expression`turno_now() - ${WAITING_DAYS_MAX} * interval '1 day'`;
  const statuses = await typed(sql).delete(waitingStatuses).where(lt(waitingStatuses.arrivedAt, weekAgo));
  const hourAgo = expression`turno_clock() - interval '1 hour'`;
  const isAtRest = and(expression`${rateLimits.key} like 'pair:%'`, lt(rateLimits.fullAt, hourAgo));
  const rates = await typed(sql).delete(rateLimits).where(isAtRest);
  // A token in use is tried again and again, or a failure of it that is older than its closing comes no more.
  const lastAt = expression`greatest(${circuits.tryAt}, ${circuits.openedAt}, ${circuits.closedAt})`;
  const daysAgo = expression`turno_clock() - ${WAITING_DAYS_MAX + 1} * interval '1 day'`;
  const replaced = await typed(sql)
    .delete(circuits)
    .where(and(eq(circuits.scope, "token"), lt(lastAt, daysAgo)));
  return { statuses: statuses.count, rates: rates.count, circuits: replaced.count };
}
