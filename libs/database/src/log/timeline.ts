import { Failure } from "@turno/runtime";
import type { Sql } from "../connection.ts";

/** The database is no longer on the timeline on which this process began. */
export class TimelineFailure extends Failure {
  override readonly retryable = false;
}

/**
 * Returns the id of the database's timeline. Begins a new one if another server was promoted, or if a server crashed
 * that does not sync its commits. Throws a `TimelineFailure` if it is not `expected`.
 */
export async function readDatabaseTimeline(sql: Sql, expected?: string): Promise<string> {
  const read = () => sql<{ id: string; isCurrent: boolean }[]>`
    select id, turno_timeline_is_current() as "isCurrent" from database_timeline`;
  let [row] = await read();
  if (row?.isCurrent === false) {
    // A second caller waits for the row, finds it current, and changes nothing.
    await sql`
      select turno_begin_timeline() from (
        select from database_timeline where not turno_timeline_is_current() for update
      ) as other`;
    [row] = await read();
  }
  if (row === undefined) {
    throw new Error(
      "the table database_timeline is empty: put one row into it (insert into database_timeline default values)",
    );
  }
  if (expected !== undefined && row.id !== expected) {
    throw new TimelineFailure(
      "the database is on another timeline than when this process began: it was restored, another server was promoted, or " +
        "commits were lost. " +
        "What this process remembers of it may never have happened, so it ends, and begins again when it is started",
    );
  }
  return row.id;
}
