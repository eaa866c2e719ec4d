/** The value below which the given share (0 to 1) of the numbers lies: the smallest number that is enough. */
export function quantile(numbers: readonly number[], share: number): number {
  if (numbers.length === 0) throw new RangeError("no number to take a quantile of");
  const sorted = numbers.toSorted((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] as number;
}

/** The middle number, or the mean of the two middle ones. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((left, right) => left - right);
  const middle = sorted.length >> 1;
  const [lower, upper] = [sorted[middle - 1 + (sorted.length % 2)], sorted[middle]];
  if (lower === undefined || upper === undefined) throw new RangeError("no number to take a median of");
  return (lower + upper) / 2;
}

/** The median of the ratios round by round: what slows a whole round down does not move it. */
export function medianRatio(numerators: readonly number[], denominators: readonly number[]): number {
  if (numerators.length !== denominators.length) throw new RangeError("rounds are missing on one side");
  return median(numerators.map((numerator, round) => numerator / (denominators[round] as number)));
}

/** Of a number with three digits that matter, for people. */
export function format(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString("en");
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}
