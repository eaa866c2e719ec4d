import type { Sql, StoredEvent } from "@turno/database";

/** Events that one statement wrote and that are not yet published, by position. */
export interface OutboxRow {
  position: number;
  positions: number[];
}

/** What the broker has acknowledged since the last look: rows, and where the stream ends with them. */
export interface PublishedRows {
  rows: readonly number[];
  stream: string;
  streamId: string;
  /** The end of the agreement of stream and outbox, to be noted, or null if there is nothing to note. */
  noted: { sequence: number; messageId: string | null; positionMax: number } | null;
}

/**
 * Removes what was published from the outbox and reads what comes next, in one round trip: the oldest rows, as many as
 * hold `limit` events or the first. The rows in order, and the positions within them in order, give the events of one
 * conversation in commit order. During a refill, only rows that end at `upTo` or before are read. Rows that are held back
 * are passed over.
 *
 * A set tells rows that go from rows that come next: comparing a thousand of each one by one would cost more than all
 * the rest.
 */
export async function exchangeOutbox(
  sql: Sql,
  published: PublishedRows,
  next: { limit: number; upTo: number | null; held: readonly number[] },
): Promise<OutboxRow[]> {
  const { rows, stream, streamId, noted } = published;
  const { limit, upTo, held } = next;
  const done = sql`${[...rows]}::bigint[]`;
  return sql<OutboxRow[]>`
    with cleared as (
      delete from outbox where position = any(${done})
    ), noted as (
      update relay_state set sequence = ${noted?.sequence ?? 0}::bigint, message_id = ${noted?.messageId ?? null}::text,
        position_max = ${noted?.positionMax ?? 0}::bigint
      where ${noted !== null && rows.length > 0}::boolean and stream = ${stream} and stream_id = ${streamId}
        and sequence < ${noted?.sequence ?? 0}::bigint
    )
    select position, positions
    from (
      select position, positions, sum(cardinality(positions)) over (order by position) - cardinality(positions) as before
      from (
        select * from outbox
        where position not in (select unnest(${[...rows, ...held]}::bigint[])) and (${upTo}::bigint is null or (
          position <= ${upTo}::bigint and positions[cardinality(positions)] <= ${upTo}::bigint))
        order by position limit ${limit}
      ) as oldest
    ) as outbox
    where before < ${limit}
    order by position`;
}

/** Splits rows into their given positions, of which it returns the rows' keys, and the other positions. */
export async function divideRows(sql: Sql, rows: readonly OutboxRow[], apart: ReadonlySet<number>): Promise<number[]> {
  const divided = rows.filter(({ positions }) => positions.some((position) => apart.has(position)));
  const partsOf = (isApart: boolean) =>
    divided
      .map(({ positions }) => ({ positions: positions.filter((position) => apart.has(position) === isApart) }))
      .filter(({ positions }) => positions.length > 0);
  const taken = partsOf(true);
  await sql.begin(async (tx) => {
    await tx`delete from outbox where position = any(${divided.map(({ position }) => position)}::bigint[])`;
    await tx`
      insert into outbox (position, positions)
      select positions[1], positions
      from json_to_recordset(${JSON.stringify([...taken, ...partsOf(false)])}::text::json) as part(positions bigint[])`;
  });
  return taken.map(({ positions }) => positions[0] ?? 0);
}

/** Returns events by their positions, in no order. */
export async function readEvents(sql: Sql, positions: readonly number[]): Promise<StoredEvent[]> {
  return sql<StoredEvent[]>`
    select event.position, event.id, event.type, event.entity_id as "entityId", event.sequence,
      event.phone_number_id as "phoneNumberId", event.occurred_at as "occurredAt", event.data::text as data,
      message.payload::text as content
    from unnest(${[...positions]}::bigint[]) as wanted(position)
    join events as event on event.position = wanted.position
    left join messages as message on message.id = event.message_id`;
}

/**
 * Removes events that the stream holds from the outbox, and returns their positions. It passes over ids that are not
 * events here.
 */
export async function dropFromOutbox(sql: Sql, eventIds: readonly string[]): Promise<number[]> {
  if (eventIds.length === 0) return [];
  const known = await sql<{ position: number }[]>`
    select event.position from unnest(${[...eventIds]}::uuid[]) as wanted(id) join events as event on event.id = wanted.id`;
  const positions = known.map(({ position }) => position);
  if (positions.length === 0) return [];
  const last = positions.reduce((a, b) => Math.max(a, b));
  // Membership in a subquery is looked up in a hash whatever the planner believes, a join is not.
  await sql`
    with waiting as (
      select outbox.position as row, waiting.position,
        waiting.position in (select unnest(${positions}::bigint[])) as is_present
      from outbox cross join lateral unnest(outbox.positions) as waiting(position)
      where outbox.position <= ${last}::bigint
    ), touched as materialized (
      select row, array_agg(position order by position) filter (where not is_present) as positions
      from waiting group by row having bool_or(is_present)
    ), emptied as (
      delete from outbox using touched where outbox.position = touched.row and touched.positions is null
    )
    update outbox set position = touched.positions[1], positions = touched.positions
    from touched where outbox.position = touched.row and touched.positions is not null`;
  return positions;
}
