import type { Sql } from "../connection.ts";

export interface LogReader {
  consumer: string;
  shard: string;
  /** This reader's own id, new at each start. */
  owner: string;
}

export interface PartitionPosition {
  partition: number;
  /** The stream sequence of the last record whose lines of this partition have taken effect. */
  sequence: number;
}

/**
 * Renews a reader's lease and evens out the partitions: gives up what exceeds its share of the live readers, takes what
 * nobody holds up to that share. Call it between two batches. `appliedSequence` is the last record that has taken effect
 * in all partitions held, `watermarkAt` the instant up to which everything that arrived has. Returns what it holds now.
 */
export async function leasePartitions(
  sql: Sql,
  reader: LogReader,
  input: {
    streamId: string;
    partitionCount: number;
    leaseMs: number;
    appliedSequence: number;
    watermarkAt: Date | null;
  },
): Promise<PartitionPosition[]> {
  const { consumer, shard, owner } = reader;
  return sql.begin(async (tx) => {
    // One reader at a time evens out, so that two do not take the same partitions or count each other wrongly.
    const [, , , , [counted]] = await Promise.all([
      tx`select pg_advisory_xact_lock(hashtextextended(${`${consumer}:${shard}`}, 0))`,
      tx`
        insert into log_positions (consumer, shard, partition, stream_id, sequence)
        select ${consumer}, ${shard}, partition, ${input.streamId}, 0
        from generate_series(0, ${input.partitionCount}::int - 1) as partition
        where not exists (select from log_positions where consumer = ${consumer} and shard = ${shard})`,
      tx`
        insert into log_readers (consumer, shard, owner, lease_until)
        values (${consumer}, ${shard}, ${owner}, clock_timestamp() + ${input.leaseMs} * interval '1 millisecond')
        on conflict (consumer, shard, owner) do update set lease_until = excluded.lease_until`,
      tx`
        delete from log_readers
        where consumer = ${consumer} and shard = ${shard} and lease_until < clock_timestamp()`,
      tx<{ readers: number; held: number }[]>`
        select
          (select count(*)::int from log_readers where consumer = ${consumer} and shard = ${shard}) as readers,
          (select count(*)::int from log_positions
           where consumer = ${consumer} and shard = ${shard} and owner = ${owner}) as held`,
    ]);
    const share = Math.ceil(input.partitionCount / Math.max(1, counted?.readers ?? 1));
    const held = counted?.held ?? 0;
    const [, , , , positions] = await Promise.all([
      tx`
        update log_positions set
          sequence = greatest(sequence, ${input.appliedSequence}::bigint),
          watermark_at = coalesce(${input.watermarkAt}, watermark_at)
        where consumer = ${consumer} and shard = ${shard} and owner = ${owner} and stream_id = ${input.streamId}`,
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
      // A stream that was made anew counts from one again.
      tx`
        update log_positions set stream_id = ${input.streamId}, sequence = 0
        where consumer = ${consumer} and shard = ${shard} and owner = ${owner} and stream_id <> ${input.streamId}`,
      tx<PartitionPosition[]>`
        select partition, sequence from log_positions
        where consumer = ${consumer} and shard = ${shard} and owner = ${owner} order by partition`,
    ]);
    return positions;
  });
}

/** Notes the instant up to which everything that arrived has taken effect in a reader's partitions. */
export async function noteWatermark(
  sql: Sql,
  reader: LogReader,
  applied: { streamId: string; watermarkAt: Date },
): Promise<void> {
  await sql`
    update log_positions set watermark_at = ${applied.watermarkAt}
    where consumer = ${reader.consumer} and shard = ${reader.shard} and owner = ${reader.owner}
      and stream_id = ${applied.streamId}`;
}

/** Hands all partitions over at once: for a reader that stops. */
export async function releasePartitions(sql: Sql, reader: LogReader, appliedSequence: number): Promise<void> {
  const { consumer, shard, owner } = reader;
  await sql.begin(async (tx) => {
    await tx`
      update log_positions set owner = null, sequence = greatest(sequence, ${appliedSequence}::bigint)
      where consumer = ${consumer} and shard = ${shard} and owner = ${owner}`;
    await tx`delete from log_readers where consumer = ${consumer} and shard = ${shard} and owner = ${owner}`;
  });
}
