/** Counts durations in buckets that grow by 2 %, from 0.01 ms to about an hour: a few kilobytes for any number of them. */
export interface Histogram {
  record(ms: number): void;
  /** The duration below which the given share (0 to 1) of the recorded ones lies, in ms; 0 where none is recorded. */
  quantile(share: number): number;
  readonly count: number;
}

const leastMs = 0.01;
const growth = Math.log(1.02);
const bucketCount = 1_000;

export function createHistogram(): Histogram {
  const buckets = new Uint32Array(bucketCount);
  let count = 0;
  return {
    record(ms) {
      const bucket = ms <= leastMs ? 0 : Math.ceil(Math.log(ms / leastMs) / growth);
      const index = Math.min(bucketCount - 1, bucket);
      buckets[index] = (buckets[index] ?? 0) + 1;
      count += 1;
    },
    quantile(share) {
      if (count === 0) return 0;
      let left = Math.max(1, Math.ceil(share * count));
      let index = 0;
      for (; index < bucketCount - 1; index++) {
        left -= buckets[index] ?? 0;
        if (left <= 0) break;
      }
      return leastMs * Math.exp(index * growth);
    },
    get count() {
      return count;
    },
  };
}
