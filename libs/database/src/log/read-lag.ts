import type { Sql } from "../connection.ts";

/** How far a reader of the inbound log is behind in a partition. */
export interface PartitionLag {
  /** The name under which it keeps its positions. */
  reader: string;
  partition: number;
  /** No update without effect is older, in seconds. */
  seconds: number;
}

/**
 * Reads how far the log's readers are behind, in every partition, whoever holds it. The watermark moves at least
 * with each renewal of a lease while a live reader has nothing to do, so it stands still only where something waits or
 * nobody reads.
 */
export async function readLag(sql: Sql): Promise<PartitionLag[]> {
  return sql<PartitionLag[]>`
    select position.consumer as reader, position.partition,
      max(greatest(0, extract(epoch from turno_now() - coalesce(position.watermark_at, timeline.began_at))))::float8
        as seconds
    from log_positions as position cross join database_timeline as timeline
    group by position.consumer, position.partition
    order by position.consumer, position.partition`;
}
