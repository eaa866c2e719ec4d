/** Says whether one more of a key's requests fits its rate. */
export interface RateLimit {
  take: (key: string) => boolean;
}

/** When there are this many, the one that came last the longest ago is forgotten if its allowance is full again. */
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
        const [oldest] = buckets;
        // It is in use, so all are: a new one waits rather than letting the table grow.
        if (oldest === undefined || refill(oldest[1], now) < burst) return false;
        buckets.delete(oldest[0]);
      }
      // A map keeps the order in which its keys came, so each goes to the end again.
      buckets.delete(key);
      buckets.set(key, { tokens: Math.max(0, tokens - 1), atMs: now });
      return tokens >= 1;
    },
  };
}
