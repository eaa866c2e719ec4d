import type { ReadingProgress } from "@turno/contracts";
import type { Sql } from "../connection.ts";
import { readClock } from "./clock.ts";
import { leasePartitions, noteProgress, releasePartitions, type LogReader } from "./lease-partitions.ts";

/**
 * Creates the store that keeps in the database which partitions a reader of the log holds, and how far it has come in
 * each.
 */
export function createPositionStore(sql: Sql, reader: LogReader, leaseMs: number) {
  return {
    lease: async (progress: ReadingProgress, lastSequence: number): Promise<ReadonlyMap<number, number>> => {
      const held = await leasePartitions(sql, reader, { progress, lastSequence, leaseMs });
      return new Map(held.map(({ partition, sequence }) => [partition, sequence]));
    },
    release: () => releasePartitions(sql, reader),
    note: (progress: ReadingProgress) => noteProgress(sql, reader, progress),
    readClock: () => readClock(sql),
  };
}
