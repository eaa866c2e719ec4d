import type { Sql } from "@turno/database";
import type { Refill } from "./refill.ts";

/** See `relayState` in `libs/database/schema/logs.ts`. */
export interface RelayState {
  streamId: string;
  sequence: number;
  /** The id of the message at `sequence`, or null if unknown. */
  messageId: string | null;
  positionMax: number;
  refill: Refill | null;
}

/** See `relayMarks` in `libs/database/schema/logs.ts`. */
export interface RelayMark {
  sequence: number;
  messageId: string | null;
  wholeTo: number;
  positionMax: number;
}

/** More marks than a day of uninterrupted work makes. If the stream lost more, its ids are read from its beginning. */
const MARKS_MAX = 32_768;

export async function readRelayState(sql: Sql, stream: string): Promise<RelayState | null> {
  const [row] = await sql<(Omit<RelayState, "refill"> & { refillAfter: number | null; refillTo: number | null })[]>`
    select stream_id as "streamId", sequence, message_id as "messageId", position_max as "positionMax",
      refill_after as "refillAfter", refill_to as "refillTo"
    from relay_state where stream = ${stream}`;
  if (row === undefined) return null;
  const { refillAfter, refillTo, ...state } = row;
  return { ...state, refill: refillAfter === null || refillTo === null ? null : { after: refillAfter, to: refillTo } };
}

/**
 * Notes from which sequence on the stream must be compared with the outbox, and waits until that is on disk: otherwise
 * the next events could be published twice. Deletes marks of other streams, and those after `marksTo`.
 */
export async function startRelayState(
  sql: Sql,
  stream: string,
  state: RelayState & { marksTo: number },
): Promise<void> {
  const { streamId, sequence, messageId, positionMax, refill, marksTo } = state;
  await sql.begin(async (tx) => {
    await tx`select set_config('synchronous_commit', 'on', true)`;
    await tx`
      insert into relay_state (stream, stream_id, sequence, message_id, position_max, refill_after, refill_to)
      values (${stream}, ${streamId}, ${sequence}, ${messageId}, ${positionMax}, ${refill?.after ?? null},
        ${refill?.to ?? null})
      on conflict (stream) do update set stream_id = excluded.stream_id, sequence = excluded.sequence,
        message_id = excluded.message_id, position_max = excluded.position_max, refill_after = excluded.refill_after,
        refill_to = excluded.refill_to`;
    await tx`delete from relay_marks where stream_id <> ${streamId} or sequence > ${marksTo}`;
  });
}

/** Notes that stream and outbox agree up to a sequence. */
export async function noteRelaySequence(
  sql: Sql,
  stream: string,
  noted: Pick<RelayState, "sequence" | "messageId" | "positionMax">,
): Promise<void> {
  await sql`
    update relay_state set sequence = ${noted.sequence}, message_id = ${noted.messageId},
      position_max = ${noted.positionMax}
    where stream = ${stream}`;
}

/**
 * Marks what the stream holds when it ends at a sequence. Every event up to `completePosition` must have been visible
 * when the outbox was last read, and nothing that came into the outbox since may have been published. Returns the
 * position up to which the stream is whole.
 */
export async function markStream(
  sql: Sql,
  mark: Omit<RelayMark, "wholeTo"> & { streamId: string; completePosition: number; refill: Refill | null },
): Promise<number> {
  const { streamId, sequence, messageId, positionMax, completePosition, refill } = mark;
  const [row] = await sql<{ wholeTo: number }[]>`
    with forgotten as (
      delete from relay_marks
      where sequence < (select sequence from relay_marks order by sequence desc offset ${MARKS_MAX} limit 1)
    )
    insert into relay_marks (stream_id, sequence, message_id, whole_to, position_max)
    select ${streamId}, ${sequence}, ${messageId},
      least(${completePosition}::bigint, ${refill?.after ?? null}::bigint, (select min(position) - 1 from outbox)),
      ${positionMax}
    on conflict (stream_id, sequence) do update set whole_to = excluded.whole_to
    returning whole_to as "wholeTo"`;
  return row?.wholeTo ?? 0;
}

/** Lists the marks of a stream up to a sequence, the last one first. */
export async function listRelayMarks(sql: Sql, streamId: string, upTo: number): Promise<RelayMark[]> {
  return sql<RelayMark[]>`
    select sequence, message_id as "messageId", whole_to as "wholeTo", position_max as "positionMax"
    from relay_marks where stream_id = ${streamId} and sequence <= ${upTo} order by sequence desc`;
}

/** So many events in a row must be older: a host whose clock is wrong has written some of them, but never all. */
const OLDER_MIN = 100;

/**
 * Returns the position of the oldest event from an instant on, which is given as the first uuid v7 of it; null if there is
 * none. Positions are sought by halves, because they alone say what came first: ids follow the clock of the host that made
 * them, and that may have been wrong.
 */
export async function readFirstPosition(sql: Sql, sinceId: string): Promise<number | null> {
  const [ends] = await sql<{ first: number | null; last: number | null }[]>`
    select min(position) as first, max(position) as last from events`;
  let low = (ends?.first ?? 0) - 1;
  let high = ends?.last ?? 0;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (await areNextOlder(sql, middle, sinceId)) low = middle;
    else high = middle;
  }
  const [row] = await sql<{ position: number }[]>`
    select position from events where position > ${low} and id >= ${sinceId}::uuid order by position limit 1`;
  return row?.position ?? null;
}

async function areNextOlder(sql: Sql, position: number, sinceId: string): Promise<boolean> {
  const younger = await sql`
    select from (select id from events where position > ${position} order by position limit ${OLDER_MIN}) as next
    where id >= ${sinceId}::uuid limit 1`;
  return younger.length === 0;
}
