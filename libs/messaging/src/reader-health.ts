/** A reader's knowledge of its own progress. */
export interface ReaderHealth {
  /** Since when nothing took effect although something waits, or no lease was renewed; null if all is well. */
  readonly stuckSince: Date | null;
  noteRenewal(): void;
  /** Something took effect, or nothing waits. */
  noteEffect(): void;
  /** Returns how long to wait before the next try: longer with each failure in a row, up to a limit. */
  noteFailure(): number;
}

const RETRY_MS_LEAST = 250;
const RETRY_MS_MOST = 2_000;

/**
 * Creates the health of a reader. It reports what lasts for `stuckMs`; by then the reader's partitions go to others.
 */
export function createReaderHealth(stuckMs: number): ReaderHealth {
  let renewedAt = performance.now();
  let failures = 0;
  let failingSince: number | null = null;
  return {
    get stuckSince() {
      const now = performance.now();
      const since = Math.min(renewedAt, failingSince ?? now);
      return now - since < stuckMs ? null : new Date(Date.now() - (now - since));
    },
    noteRenewal: () => {
      renewedAt = performance.now();
    },
    noteEffect: () => {
      failures = 0;
      failingSince = null;
    },
    noteFailure: () => {
      failingSince ??= performance.now();
      const mostMs = Math.min(RETRY_MS_MOST, RETRY_MS_LEAST * 2 ** Math.min(failures++, 10));
      return mostMs * (0.5 + Math.random() / 2);
    },
  };
}
