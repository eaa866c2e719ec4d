/** A bucket of tokens that fills at a steady rate up to its size. */
export interface BucketRule {
  size: number;
  everyMs: number;
}

/** Buckets by name, each full at first. */
export interface TokenBuckets {
  /** Takes a token; false where there is none. */
  take(name: string): boolean;
  /** Puts a token back that was taken for something that did not happen. */
  giveBack(name: string): void;
}

export function createTokenBuckets({ size, everyMs }: BucketRule, elapsedMs: () => number): TokenBuckets {
  const buckets = new Map<string, { tokens: number; at: number }>();
  return {
    take(name) {
      const at = elapsedMs();
      const bucket = buckets.get(name) ?? { tokens: size, at };
      bucket.tokens = Math.min(size, bucket.tokens + (at - bucket.at) / everyMs);
      bucket.at = at;
      buckets.set(name, bucket);
      if (bucket.tokens < 1) return false;
      bucket.tokens -= 1;
      return true;
    },
    giveBack(name) {
      const bucket = buckets.get(name);
      if (bucket !== undefined) bucket.tokens = Math.min(size, bucket.tokens + 1);
    },
  };
}
