import type { ReadingProgress } from "@turno/contracts";
import { Failure } from "@turno/runtime";

/** Where a reader keeps which partitions it holds and how far it has come in each: the database. */
export interface PositionStore {
  /**
   * Renews the lease, evens out the partitions over the live readers, and notes the progress where the store holds what
   * the reader believes. Returns what this reader holds now: partition to the sequence of the last record that has taken
   * effect in it, which is never past `lastSequence`, where the log ends.
   */
  lease(progress: ReadingProgress, lastSequence: number): Promise<ReadonlyMap<number, number>>;
  /** Hands all partitions over at once. */
  release(): Promise<void>;
  /** Notes the progress. False where the store holds something else in one of the partitions: that one is left alone. */
  note(progress: ReadingProgress): Promise<boolean>;
  readClock(): Promise<Date>;
}

/** The store went back: it is an older copy of itself, or lost what it had committed. */
export class StoreBehindFailure extends Failure {
  constructor(partitions: number, nextSequence: number) {
    super(
      `the database went back in ${partitions} partitions: it is an older copy, or lost what it had committed. Nothing ` +
        `of the log is lost: it is read again from record ${nextSequence}`,
    );
  }
}
