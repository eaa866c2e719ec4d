/** A source of numbers in [0, 1), as `Math.random`; everything here that varies takes one, so that a seed fixes it. */
export type Random = () => number;

/** Mulberry32: 32 bits of state, good enough to vary test data, not fit for secrets. The same seed gives the same numbers. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** Starts an independent source from the next number of another, so that draws made at the whim of the network do not move the others. */
export function forkRandom(random: Random): Random {
  return createRandom(Math.floor(random() * 0x1_0000_0000));
}

/** A whole number from `least` to `most`, both included. */
export function between(random: Random, least: number, most: number): number {
  return least + Math.floor(random() * (most - least + 1));
}

/** One of the given items. Throws a `RangeError` where there is none. */
export function pick<Item>(random: Random, items: readonly Item[]): Item {
  if (items.length === 0) throw new RangeError("nothing to pick from");
  return items[Math.floor(random() * items.length)] as Item;
}

/** A string of decimal digits that does not begin with 0. */
export function digits(random: Random, length: number): string {
  let text = String(between(random, 1, 9));
  while (text.length < length) text += String(between(random, 0, 9));
  return text;
}

/** One of the keys, with a chance in proportion to its weight. Throws a `RangeError` where no weight is above 0. */
export function pickWeighted<Key extends string>(random: Random, weights: Readonly<Partial<Record<Key, number>>>): Key {
  const entries = Object.entries(weights) as [Key, number][];
  const total = entries.reduce((sum, [, weight]) => sum + weight, 0);
  let left = random() * total;
  for (const [key, weight] of entries) {
    left -= weight;
    if (left < 0) return key;
  }
  throw new RangeError("no weight is above 0");
}
