/** Pauses between failing tries: each about twice as long as the one before, up to a limit, with jitter. */
export interface Backoff {
  nextMs(): number;
  /** Makes the next pause the shortest again, after a success. */
  reset(): void;
}

/** The limit: everything tries at least this often, so that it is back soon after the end of a fault. */
const MOST_MS = 3_000;

export function createBackoff(leastMs: number, mostMs = MOST_MS, random: () => number = Math.random): Backoff {
  let failures = 0;
  return {
    nextMs: () => {
      const grownMs = leastMs * 2 ** Math.min(failures++, 20);
      return Math.max(leastMs, Math.min(mostMs, grownMs) * (0.5 + random() / 2));
    },
    reset: () => {
      failures = 0;
    },
  };
}
