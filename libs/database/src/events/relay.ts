import type { Sql } from "../connection.ts";
import type { StoredEvent } from "./event-memory.ts";

/** Events that one statement wrote and that were not yet published, by their positions. */
export interface OutboxRow {
  position: number;
  positions: number[];
}

/** What the broker has acknowledged since the outbox was last turned: rows, and how far the stream has grown by them. */
export interface PublishedRows {
  rows: readonly number[];
  stream: string;
  streamId: string;
  sequence: number;
}

/**
 * Takes what was published off the outbox and reads what comes next, in one round trip: the oldest rows, as many as hold
 * `limit` events or the first. In their order, and in the order of the positions within them, the events of one
 * conversation are in commit order.
 */
export async function turnOutbox(sql: Sql, published: PublishedRows, limit: number): Promise<OutboxRow[]> {
  const { rows, stream, streamId, sequence } = published;
  const done = sql`${[...rows]}::bigint[]`;
  return sql<OutboxRow[]>`
    with cleared as (
      delete from outbox where position = any(${done})
    ), noted as (
      insert into relay_state (stream, stream_id, sequence)
      select ${stream}, ${streamId}, ${sequence}::bigint where cardinality(${done}) > 0
      on conflict (stream) do update set stream_id = excluded.stream_id, sequence = excluded.sequence
    )
    select position, positions
    from (
      select position, positions, sum(cardinality(positions)) over (order by position) - cardinality(positions) as before
      from (select * from outbox where position <> all(${done}) order by position limit ${limit}) as oldest
    ) as outbox
    where before < ${limit}
    order by position`;
}

/** Events by their positions, in no order. */
export async function readEvents(sql: Sql, positions: readonly number[]): Promise<StoredEvent[]> {
  return sql<StoredEvent[]>`
    select event.position, event.id, event.type, event.entity_id as "entityId", event.sequence,
      event.phone_number_id as "phoneNumberId", event.occurred_at as "occurredAt", event.data::text as data,
      message.payload::text as content
    from unnest(${[...positions]}::bigint[]) as wanted(position)
    join events as event on event.position = wanted.position
    left join messages as message on message.id = event.message_id`;
}

export async function readRelayState(sql: Sql, stream: string): Promise<{ streamId: string; sequence: number } | null> {
  const [row] = await sql<{ streamId: string; sequence: number }[]>`
    select stream_id as "streamId", sequence from relay_state where stream = ${stream}`;
  return row ?? null;
}

/** Takes events that lie in the stream already off the outbox. */
export async function dropFromOutbox(sql: Sql, eventIds: readonly string[]): Promise<void> {
  if (eventIds.length === 0) return;
  await sql`
    with present as materialized (
      select array_agg(position) as positions from events where id = any(${[...eventIds]}::uuid[])
    ), emptied as (
      delete from outbox using present where outbox.positions <@ present.positions
    ), left_over as materialized (
      select outbox.position, array_agg(waiting order by waiting) as positions
      from outbox cross join present cross join unnest(outbox.positions) as waiting
      where outbox.positions && present.positions and waiting <> all(present.positions)
      group by outbox.position
    )
    update outbox set position = left_over.positions[1], positions = left_over.positions
    from left_over where outbox.position = left_over.position`;
}

/**
 * Queues every event from `sinceId` on (a uuid v7, so an instant) once more, but for those that the stream still has.
 * Each takes its old position, so it leaves before what happened after it.
 */
export async function refillOutbox(sql: Sql, sinceId: string, presentIds: readonly string[]): Promise<number> {
  const refilled = await sql`
    insert into outbox (position, positions)
    select position, array[position] from events
    where id >= ${sinceId}::uuid and id <> all(${[...presentIds]}::uuid[])
      and position <> all(array(select unnest(positions) from outbox))`;
  return refilled.count;
}

/** Any number that nothing else in the database uses as an advisory lock. */
const RELAY_LOCK = 7_286_102;

/** How long a relay may be silent before the server ends its session and another one takes over. */
const RELAY_SILENCE_MS_MAX = 5_000;

/**
 * Tries to become the one relay. The lock lives on a connection of its own, which the server ends when nothing comes
 * over it any more: a paused process does not keep its lock.
 */
export async function tryRelayLock(sql: Sql): Promise<boolean> {
  // The planner cannot know that the outbox is nearly empty: left to itself it reads all events for one. What leaves the
  // outbox need not be synced: after a crash it is there again, and the stream's tail says that it was published.
  await sql`
    select set_config('idle_session_timeout', ${String(RELAY_SILENCE_MS_MAX)}, false),
      set_config('enable_hashjoin', 'off', false), set_config('enable_mergejoin', 'off', false),
      set_config('enable_seqscan', 'off', false), set_config('synchronous_commit', 'off', false)`;
  const [row] = await sql<{ isHeld: boolean }[]>`select pg_try_advisory_lock(${RELAY_LOCK}) as "isHeld"`;
  return row?.isHeld ?? false;
}
