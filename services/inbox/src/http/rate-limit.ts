/** Says whether one more of a key's requests fits its rate. */
export interface RateLimit {
  take: (key: string) => boolean;
}

/** Keys whose allowance is full again are forgotten when there are this many. */
const KEYS_MAX = 10_000;

/** A token bucket a key: `burst` at once, `perSecond` in the long run. Per process: a limit against floods, not a quota. */
export function createRateLimit(options: { perSecond: number; burst: number; nowMs: () => number }): RateLimit {
  const { perSecond, burst, nowMs } = options;
  const buckets = new Map<string, { tokens: number; atMs: number }>();
  const refill = (bucket: { tokens: number; atMs: number }, now: number) =>
    Math.min(burst, bucket.tokens + ((now - bucket.atMs) / 1000) * perSecond);
  return {
    take: (key) => {
      const now = nowMs();
      const bucket = buckets.get(key);
      const tokens = bucket === undefined ? burst : refill(bucket, now);
      if (bucket === undefined && buckets.size >= KEYS_MAX) {
        for (const [other, state] of buckets) if (refill(state, now) >= burst) buckets.delete(other);
        // All of them are in use: a new one waits rather than letting the table grow.
        if (buckets.size >= KEYS_MAX) return false;
      }
      buckets.set(key, { tokens: Math.max(0, tokens - 1), atMs: now });
      return tokens >= 1;
    },
  };
}
