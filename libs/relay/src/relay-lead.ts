import { ADVISORY_LOCKS, type Sql } from "@turno/database";

/** How long a relay may be silent before the server ends its session and another one takes over. */
const RELAY_SILENCE_MS_MAX = 5_000;

/**
 * Tries to take the lead. The lock lives on a connection of its own, which the server ends when it is silent: a paused
 * process does not keep its lock.
 */
export async function tryRelayLock(sql: Sql): Promise<boolean> {
  // The planner cannot know that the outbox is nearly empty: left to itself it reads all events for one. What leaves the
  // outbox need not be synced: after a crash it is there again, and so is the note of how far the stream had grown.
  await sql`
    select set_config('idle_session_timeout', ${String(RELAY_SILENCE_MS_MAX)}, false),
      set_config('enable_hashjoin', 'off', false), set_config('enable_mergejoin', 'off', false),
      set_config('enable_seqscan', 'off', false), set_config('synchronous_commit', 'off', false)`;
  const [row] = await sql<{ isHeld: boolean }[]>`select pg_try_advisory_lock(${ADVISORY_LOCKS.relay}) as "isHeld"`;
  return row?.isHeld ?? false;
}

/** Gives the lead up, so that another relay may try. */
export async function releaseRelayLock(sql: Sql): Promise<void> {
  await sql`select pg_advisory_unlock_all()`;
}

/** Returns the session that holds the lead, by its process in the database's server; null if none does. */
export async function readRelayHolder(sql: Sql): Promise<number | null> {
  const [row] = await sql<{ pid: number }[]>`
    select pid from pg_locks
    where locktype = 'advisory' and classid = 0 and objid = ${ADVISORY_LOCKS.relay} and granted
      and database = (select oid from pg_database where datname = current_database())`;
  return row?.pid ?? null;
}

/** What waits to be published. */
export interface Waiting {
  /** The position of the oldest event that waits, or null. */
  position: number | null;
  /** The most events that may wait: the number of positions taken since the oldest. */
  count: number;
  /** How long ago the oldest happened. */
  seconds: number;
  /** Where the stream ended when it was last noted: it grows while some relay publishes. */
  sequence: number | null;
}

/** Reads what waits to be published, in a time that does not grow with it. */
export async function readWaiting(sql: Sql, stream: string): Promise<Waiting> {
  const [row] = await sql<Waiting[]>`
    with oldest as (
      select least(
        (select min(position) from outbox),
        (select refill_after + 1 from relay_state where stream = ${stream} and refill_to is not null)
      ) as position
    )
    select oldest.position, coalesce(last_value - oldest.position + 1, 0) as count,
      coalesce((
        select extract(epoch from turno_now() - occurred_at)::float8
        from events where position >= oldest.position order by position limit 1
      ), 0) as seconds, (select sequence from relay_state where stream = ${stream}) as sequence
    from oldest cross join events_position`;
  return row ?? { position: null, count: 0, seconds: 0, sequence: null };
}
