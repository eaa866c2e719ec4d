import { setTimeout as pause } from "node:timers/promises";
import type { Sql } from "../connection.ts";

export interface LogEvent {
  /** Its place in the events table. The positions of one entity's events follow their sequence. */
  position: number;
  eventId: string;
  type: string;
  entityId: string;
  sequence: number;
  occurredAt: Date;
  /** JSON text. */
  data: string;
}

/** Follows up to which position the events table is complete. */
export interface EventLog {
  /** No event can appear up to this position any more, so a reader that got here has missed none. */
  readonly completePosition: number;
  /** Whether transactions that took positions may still run: look again soon. */
  readonly isSettling: boolean;
  /** Looks again, without waiting. */
  advance: () => Promise<void>;
}

interface PositionWatch extends EventLog {
  /** Treats positions that may still be open as complete. */
  settle: () => void;
}

/** Longer than any of our transactions. A follower that begins beside a longer one may miss its events. */
const SETTLING_MS_MAX = 5_000;
const LOOK_AGAIN_MS = 10;

/**
 * Positions are taken before their transactions commit, so that a lower one may appear after a higher one. A position is
 * complete when every transaction that might have taken it has ended: first the last position taken is read, then a
 * transaction id is taken; who comes after that id takes higher positions, and who came before it has ended once no
 * transaction up to it runs. Source: PostgreSQL, "Transaction ID and Snapshot Information Functions".
 */
export function watchPositions(sql: Sql): PositionWatch {
  let completePosition = 0;
  let mark = null as { position: number; transaction: number } | null;
  const advance = async () => {
    if (mark === null) {
      const position = await readLastPosition(sql);
      if (position === completePosition) return;
      // An older copy of the database: nothing of it is known to be complete, and a reader's position must not pass it.
      if (position < completePosition) completePosition = 0;
      const [row] = await sql<{ transaction: number }[]>`select pg_current_xact_id()::text::bigint as transaction`;
      if (row === undefined) throw new Error("pg_current_xact_id() returned no row");
      mark = { position, transaction: row.transaction };
    }
    const [row] = await sql<{ oldest: number }[]>`
      select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as oldest`;
    if (row === undefined || row.oldest <= mark.transaction) return;
    completePosition = mark.position;
    mark = null;
  };
  return {
    get completePosition() {
      return completePosition;
    },
    get isSettling() {
      return mark !== null;
    },
    advance,
    settle: () => {
      if (mark !== null) completePosition = mark.position;
    },
  };
}

/** Begins to watch, and waits until the positions taken so far are complete. */
export async function openEventLog(sql: Sql): Promise<EventLog> {
  const watch = watchPositions(sql);
  await watch.advance();
  // Else the log would begin at its first event, and whoever follows it would be told what is long over.
  for (
    const deadline = Date.now() + SETTLING_MS_MAX;
    watch.isSettling && Date.now() < deadline;
    await watch.advance()
  ) {
    await pause(LOOK_AGAIN_MS);
  }
  watch.settle();
  return watch;
}

/** Returns the last position that was taken. */
export async function readLastPosition(sql: Sql): Promise<number> {
  const [row] = await sql<{ position: number }[]>`
    select case when is_called then last_value else 0 end as position from events_position`;
  return row?.position ?? 0;
}

/** Returns the events after a position and up to another, which must be complete, in order. */
export async function readEventLog(
  sql: Sql,
  range: { after: number; upTo: number; limit: number; types?: readonly string[] },
): Promise<LogEvent[]> {
  const { after, upTo, limit, types } = range;
  if (after >= upTo) return [];
  return sql<LogEvent[]>`
    select position, id as "eventId", type, entity_id as "entityId", sequence, occurred_at as "occurredAt",
      data::text as data
    from events
    where position > ${after} and position <= ${upTo}
      ${types === undefined ? sql`` : sql`and type = any(${[...types]}::text[])`}
    order by position limit ${limit}`;
}

/**
 * Hands a named reader its next events, and moves it past them when `handle` has finished: each event at least once,
 * and more than once if processes share the name. A new reader begins at the end of the log. Returns the number of
 * events.
 */
export async function readNextEvents(
  sql: Sql,
  log: EventLog,
  options: { reader: string; types: string[]; limit: number; handle: (events: LogEvent[]) => Promise<void> },
): Promise<number> {
  const { reader, types, limit, handle } = options;
  await log.advance();
  const upTo = log.completePosition;
  const after = await readPosition(sql, reader, upTo);
  const events = await readEventLog(sql, { after, upTo, limit, types });
  if (events.length > 0) await handle(events);
  const last = events.length === limit ? events.at(-1) : undefined;
  const position = last?.position ?? upTo;
  if (position > after) {
    await sql`update event_readers set position = ${position} where reader = ${reader} and position < ${position}`;
  }
  return events.length;
}

async function readPosition(sql: Sql, reader: string, end: number): Promise<number> {
  const read = () => sql<{ position: number }[]>`select position from event_readers where reader = ${reader}`;
  const [known] = await read();
  if (known !== undefined) return known.position;
  await sql`insert into event_readers (reader, position) values (${reader}, ${end}) on conflict do nothing`;
  return (await read())[0]?.position ?? end;
}
