import type { Sql } from "../connection.ts";

/** A place in the events table, in the order in which readers go through it. */
export interface EventCursor {
  transaction: number;
  eventId: string;
}

export interface LogEvent extends EventCursor {
  type: string;
  entityId: string;
  sequence: number;
  occurredAt: Date;
  /** JSON text. */
  data: string;
}

/**
 * Events after a cursor, in an order in which nothing can appear before what was read: by the transaction that wrote
 * them, below the oldest that still runs. Source: PostgreSQL, "Transaction ID and Snapshot Information Functions".
 */
export async function readEventLog(sql: Sql, after: EventCursor, limit: number, types?: string[]): Promise<LogEvent[]> {
  return sql<LogEvent[]>`
    select transaction, id as "eventId", type, entity_id as "entityId", sequence, occurred_at as "occurredAt",
      data::text as data
    from events
    where transaction >= ${after.transaction} and (transaction, id) > (${after.transaction}, ${after.eventId}::uuid)
      and transaction < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
      ${types === undefined ? sql`` : sql`and type = any(${types}::text[])`}
    order by transaction, id limit ${limit}`;
}

const FIRST_ID = "00000000-0000-0000-0000-000000000000";

/** Where the log ends now: what is written from here on comes after it. */
export async function readEventLogEnd(sql: Sql): Promise<EventCursor> {
  const [row] = await sql<{ transaction: number }[]>`
    select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as transaction`;
  return { transaction: row?.transaction ?? 0, eventId: FIRST_ID };
}

/** How many transactions a reader that finds nothing for it lets pass before it moves on. */
const IDLE_TRANSACTIONS_MAX = 1_000;

/**
 * Gives a named reader the next events and moves it past them when `handle` has dealt with them: each at least once, and
 * more than once where processes share the name. A reader that never read begins where the log ends. Gives how many
 * there were.
 */
export async function readNextEvents(
  sql: Sql,
  options: { reader: string; types: string[]; limit: number; handle: (events: LogEvent[]) => Promise<void> },
): Promise<number> {
  const { reader, types, limit, handle } = options;
  const end = await readEventLogEnd(sql);
  const cursor = await readCursor(sql, reader, end);
  const events = await readEventLog(sql, cursor, limit, types);
  const last = events.at(-1);
  if (last !== undefined) await handle(events);
  // Below `end` nothing was missed: without this an idle reader would read the same foreign events for ever.
  const isIdle = last === undefined && end.transaction - cursor.transaction > IDLE_TRANSACTIONS_MAX;
  const next = isIdle ? end : last;
  if (next !== undefined) {
    await sql`
      update event_readers set transaction = ${next.transaction}, event_id = ${next.eventId}
      where reader = ${reader} and (transaction, event_id) < (${next.transaction}, ${next.eventId}::uuid)`;
  }
  return events.length;
}

async function readCursor(sql: Sql, reader: string, end: EventCursor): Promise<EventCursor> {
  const read = () => sql<EventCursor[]>`
    select transaction, event_id as "eventId" from event_readers where reader = ${reader}`;
  const [known] = await read();
  if (known !== undefined) return known;
  await sql`
    insert into event_readers (reader, transaction, event_id) values (${reader}, ${end.transaction}, ${end.eventId})
    on conflict do nothing`;
  return (await read())[0] ?? end;
}
