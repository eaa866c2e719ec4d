import type { Sql, Transaction } from "../connection.ts";

/** The one clock of every rule: the database's, which only a test or demo database shifts. */
export async function readClock(sql: Sql | Transaction): Promise<Date> {
  const [row] = await sql<{ now: Date }[]>`select turno_now() as now`;
  if (row === undefined) throw new Error("turno_now() returned no row");
  return row.now;
}
