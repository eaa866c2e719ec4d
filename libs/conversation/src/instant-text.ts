/**
 * Writes instants in ISO 8601 and remembers the last one. What comes together has the same instants, and writing a date
 * costs more than a microsecond.
 */
export function createInstantText(): (instant: Date) => string {
  let ms = Number.NaN;
  let text = "";
  return (instant) => {
    const next = instant.getTime();
    if (next !== ms) [ms, text] = [next, instant.toISOString()];
    return text;
  };
}
