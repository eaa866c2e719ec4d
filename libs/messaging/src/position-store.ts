import type { ReadingProgress } from "@turno/contracts";
import { Failure } from "@turno/runtime";

/** The store in which a reader keeps which partitions it holds and how far it has come in each: the database. */
export interface PositionStore {
  /**
   * Renews the lease, evens out the partitions over the live readers, and notes the progress if the store holds what
   * the reader believes. Returns what this reader holds now: each partition with the sequence of the last record that
   * has taken effect in it, which is never past `lastSequence`, the end of the log.
   */
  lease(progress: ReadingProgress, lastSequence: number): Promise<ReadonlyMap<number, number>>;
  /** Hands all partitions over at once. */
  release(): Promise<void>;
  /**
   * Notes the progress. Returns false if the store holds something else in one of the partitions: that one is left
   * alone.
   */
  note(progress: ReadingProgress): Promise<boolean>;
  readClock(): Promise<Date>;
}

/** The store went back: it is an older copy of itself, or has lost what it committed. */
export class StoreBehindFailure extends Failure {
  constructor(partitions: number, nextSequence: number) {
    super(
      `the database went back in ${partitions} partitions: it is an older copy, or lost what it had committed. Nothing ` +
        `of the log is lost: it is read again from record ${nextSequence}`,
    );
  }
}
