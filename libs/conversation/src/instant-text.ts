/**
 * Writes instants in ISO 8601 and remembers them. What comes together has few instants, and writing a date costs more than
 * a microsecond. It is for one batch: what it remembers grows.
 */
export function createInstantText(): (instant: Date) => string {
  const texts = new Map<number, string>();
  return (instant) => {
    const ms = instant.getTime();
    const known = texts.get(ms);
    if (known !== undefined) return known;
    const text = instant.toISOString();
    texts.set(ms, text);
    return text;
  };
}
