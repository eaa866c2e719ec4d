import type { Sql } from "../connection.ts";

/** How long a status waits for its message. Meta resends webhooks for seven days. */
const WAITING_DAYS_MAX = 7;

/** Drops statuses of messages that are not ours, and the rates of pairs that are at rest. */
export async function tidySending(sql: Sql): Promise<{ statuses: number; rates: number }> {
  const statuses = await sql`
    delete from waiting_statuses where arrived_at < turno_now() - ${WAITING_DAYS_MAX} * interval '1 day'`;
  const rates = await sql`
    delete from rate_limits where key like 'pair:%' and full_at < turno_clock() - interval '1 hour'`;
  return { statuses: statuses.count, rates: rates.count };
}
