import type { Sql } from "@turno/database";

/** How long a status waits for its message. Meta resends webhooks for seven days. */
const WAITING_DAYS_MAX = 7;

/**
 * Deletes statuses of messages that are not ours, the rates of pairs that are at rest, and circuits of tokens long
 * replaced.
 */
export async function tidySending(sql: Sql): Promise<{ statuses: number; rates: number; circuits: number }> {
  const statuses = await sql`
    delete from waiting_statuses where arrived_at < turno_now() - ${WAITING_DAYS_MAX} * interval '1 day'`;
  const rates = await sql`
    delete from rate_limits where key like 'pair:%' and full_at < turno_clock() - interval '1 hour'`;
  // A token in use is tried again and again; of any other no failure older than its closing still comes.
  const circuits = await sql`
    delete from circuits where scope = 'token'
      and greatest(try_at, opened_at, closed_at) < turno_clock() - ${WAITING_DAYS_MAX + 1} * interval '1 day'`;
  return { statuses: statuses.count, rates: rates.count, circuits: circuits.count };
}
