import type { ClockReading } from "@turno/conversation";
import type { Sql, Transaction } from "../connection.ts";

/** Returns the time by which every rule decides: the database's, which only a test or demo database shifts. */
export async function readClock(sql: Sql | Transaction): Promise<Date> {
  const [row] = await sql<{ now: Date }[]>`select turno_now() as now`;
  if (row === undefined) throw new Error("turno_now() returned no row");
  return row.now;
}

/** The clocks that the database knows, in milliseconds. */
export type DatabaseClocks = Pick<ClockReading, "database" | "rules" | "isShifted" | "meta" | "watermark">;

/**
 * Returns whether the clocks may be trusted with something irreversible. Called in the transaction that would do it.
 */
export type MayTrust = (clocks: DatabaseClocks) => boolean;

/** The newest timestamp among this many messages counts: one that came late says little. */
const RECENT_MESSAGES = 50;

/**
 * Reads every clock in one statement. `lowest` is the lowest watermark of the routers' partitions, null if one of them
 * was never read. A caller that acts by `rules` uses the very instant that was judged, so a clock that jumps after this
 * look changes nothing.
 */
export async function readClocks(tx: Transaction): Promise<{ clocks: DatabaseClocks; lowest: number | null }> {
  const [row] = await tx<(DatabaseClocks & { lowest: number | null })[]>`
    select extract(epoch from turno_clock())::float8 * 1000 as database,
      extract(epoch from turno_now())::float8 * 1000 as rules, turno_clock_is_shifted() as "isShifted",
      (
        select extract(epoch from max(sent_at))::float8 * 1000
        from (select sent_at from messages where direction = 'in' order by id desc limit ${RECENT_MESSAGES}) as recent
      ) as meta,
      extract(epoch from max(watermark_at))::float8 * 1000 as watermark,
      case when count(*) > 0 and count(*) = count(watermark_at) then extract(epoch from min(watermark_at))::float8 * 1000
        end as lowest
    from log_positions where consumer = 'router'`;
  if (row === undefined) throw new Error("the clocks returned no row");
  const { lowest, ...clocks } = row;
  return { clocks, lowest };
}
