import { PARTITION_COUNT, type ReadingProgress } from "@turno/contracts";
import type { Sql, Transaction } from "../connection.ts";

export interface LogReader {
  consumer: string;
  shard: string;
  /** This reader's id, new at each start. */
  owner: string;
}

export interface PartitionPosition {
  partition: number;
  /** The stream sequence of the last record whose lines of this partition have taken effect. */
  sequence: number;
}

/** Longer than any lease. A later end was written by a fast clock, and its reader may have been dead for hours. */
const LEASE_MS_MAX = 120_000;

/**
 * Renews a reader's lease and evens out the partitions: gives up what exceeds its share, and takes what nobody holds up
 * to that share. Call it between two batches. `lastSequence` is where the log ends. Returns what the reader holds now.
 */
export async function leasePartitions(
  sql: Sql,
  reader: LogReader,
  input: { progress: ReadingProgress; lastSequence: number; leaseMs: number },
): Promise<PartitionPosition[]> {
  const { consumer, shard, owner } = reader;
  const { streamId } = input.progress;
  return sql.begin(async (tx) => {
    // One reader at a time evens out, so that two do not take the same partitions or count each other wrongly.
    const [, , , , [counted]] = await Promise.all([
      tx`select pg_advisory_xact_lock(hashtextextended(${`${consumer}:${shard}`}, 0))`,
      tx`
        insert into log_positions (consumer, shard, partition, stream_id, sequence)
        select ${consumer}, ${shard}, partition, ${streamId}, 0
        from generate_series(0, ${PARTITION_COUNT}::int - 1) as partition
        where not exists (select from log_positions where consumer = ${consumer} and shard = ${shard})`,
      tx`
        insert into log_readers (consumer, shard, owner, lease_until)
        values (${consumer}, ${shard}, ${owner}, turno_clock() + ${input.leaseMs} * interval '1 millisecond')
        on conflict (consumer, shard, owner) do update set lease_until = excluded.lease_until`,
      tx`
        delete from log_readers
        where consumer = ${consumer} and shard = ${shard} and (lease_until < turno_clock()
          or lease_until > turno_clock() + ${LEASE_MS_MAX} * interval '1 millisecond')`,
      tx<{ readers: number; held: number }[]>`
        select
          (select count(*)::int from log_readers where consumer = ${consumer} and shard = ${shard}) as readers,
          (select count(*)::int from log_positions
           where consumer = ${consumer} and shard = ${shard} and owner = ${owner}) as held`,
    ]);
    const share = Math.ceil(PARTITION_COUNT / Math.max(1, counted?.readers ?? 1));
    const held = counted?.held ?? 0;
    const [, , , , positions] = await Promise.all([
      noteProgress(tx, reader, input.progress),
      held > share &&
        tx`
          update log_positions set owner = null
          where consumer = ${consumer} and shard = ${shard} and owner = ${owner} and partition in (
            select partition from log_positions
            where consumer = ${consumer} and shard = ${shard} and owner = ${owner}
            order by partition desc limit ${held - share})`,
      held < share &&
        tx`
          update log_positions set owner = ${owner}
          where consumer = ${consumer} and shard = ${shard} and partition in (
            select partition from log_positions
            where consumer = ${consumer} and shard = ${shard} and (owner is null or owner not in (
              select owner from log_readers where consumer = ${consumer} and shard = ${shard}))
            order by partition limit ${share - held})`,
      // A stream that was recreated counts from one again; one that was restored goes on from where its copy ended.
      tx`
        update log_positions set stream_id = ${streamId},
          sequence = case when stream_id = ${streamId} then ${input.lastSequence}::bigint else 0 end
        where consumer = ${consumer} and shard = ${shard} and owner = ${owner}
          and (stream_id <> ${streamId} or sequence > ${input.lastSequence}::bigint)`,
      tx<PartitionPosition[]>`
        select partition, sequence from log_positions
        where consumer = ${consumer} and shard = ${shard} and owner = ${owner} order by partition`,
    ]);
    return positions;
  });
}

/**
 * Notes how far a reader has come, by compare-and-set. If the database holds another position than the reader believes,
 * it was restored, and what the reader remembers says nothing about it: that partition is left alone. Returns whether
 * all were noted.
 */
export async function noteProgress(
  sql: Sql | Transaction,
  reader: LogReader,
  { streamId, positions, appliedSequence, watermarkAt }: ReadingProgress,
): Promise<boolean> {
  const noted = await sql`
    update log_positions as position set
      sequence = greatest(position.sequence, ${appliedSequence}::bigint),
      watermark_at = coalesce(${watermarkAt}, position.watermark_at)
    from unnest(${[...positions.keys()]}::int[], ${[...positions.values()]}::bigint[]) as believed(partition, sequence)
    where position.consumer = ${reader.consumer} and position.shard = ${reader.shard} and position.owner = ${reader.owner}
      and position.stream_id = ${streamId} and position.partition = believed.partition
      and position.sequence = believed.sequence`;
  return noted.count === positions.size;
}

/** Hands all partitions over at once: for a reader that stops. */
export async function releasePartitions(sql: Sql, { consumer, shard, owner }: LogReader): Promise<void> {
  await sql.begin(async (tx) => {
    await tx`
      update log_positions set owner = null
      where consumer = ${consumer} and shard = ${shard} and owner = ${owner}`;
    await tx`delete from log_readers where consumer = ${consumer} and shard = ${shard} and owner = ${owner}`;
  });
}
