/**
 * Time by the clock on a wall. Its instants are numbers, in milliseconds, that read as UTC what the clock shows. The zones
 * are those of the runtime's own database, which is data, as this package's text is; the same zone and instant always give
 * the same.
 */

const HOUR_MS = 60 * 60 * 1000;
/** The clocks of the world are at most so far behind UTC and ahead of it. */
const [BEHIND_MS_MAX, AHEAD_MS_MAX] = [13 * HOUR_MS, 15 * HOUR_MS];

const formats = new Map<string, Intl.DateTimeFormat>();
/** Every zone of the world, so that nobody fills the memory by asking for more. */
const FORMATS_MAX = 700;

/** Returns what the clock of a zone shows at an instant. Throws a RangeError where there is no such zone. */
export function wallTimeAt(timeZone: string, at: number): number {
  const part = new Map(
    formatOf(timeZone)
      .formatToParts(at)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const of = (name: Intl.DateTimeFormatPartTypes) => part.get(name) ?? 0;
  const whole = Date.UTC(of("year"), of("month") - 1, of("day"), of("hour"), of("minute"), of("second"));
  return whole + (((at % 1000) + 1000) % 1000);
}

/** Returns the first instant at which the clock shows this or later. */
export function firstInstantAt(timeZone: string, wall: number): number {
  const { before, after, changeAt } = offsetsAround(timeZone, wall);
  return wall - before < changeAt ? wall - before : Math.max(changeAt, wall - after);
}

/** Returns the end of the last instant at which the clock shows less than this. */
export function lastInstantBefore(timeZone: string, wall: number): number {
  const { before, after, changeAt } = offsetsAround(timeZone, wall);
  return wall - after > changeAt ? wall - after : Math.min(changeAt, wall - before);
}

interface Offsets {
  before: number;
  after: number;
  changeAt: number;
}

/** What the clock shows within so long has one answer, so that many hours of many groups ask the clock a few times a day. */
const PIECE_MS = 6 * HOUR_MS;
const offsetsKnown = new Map<string, Offsets>();
/** All pieces of six zones for more than a year. */
const KNOWN_MAX = 10_000;

/** How far the clock is ahead of UTC around the instants at which it may show `wall`, and when that changes. */
function offsetsAround(timeZone: string, wall: number): Offsets {
  const piece = Math.floor(wall / PIECE_MS);
  const name = `${timeZone} ${piece}`;
  const found = offsetsKnown.get(name) ?? findOffsets(timeZone, piece * PIECE_MS);
  if (offsetsKnown.size >= KNOWN_MAX) offsetsKnown.clear();
  offsetsKnown.set(name, found);
  return found;
}

function findOffsets(timeZone: string, from: number): Offsets {
  const offset = (at: number) => wallTimeAt(timeZone, at) - at;
  let [low, high] = [from - AHEAD_MS_MAX, from + PIECE_MS + BEHIND_MS_MAX];
  const [before, after] = [offset(low), offset(high)];
  if (before === after) return { before, after, changeAt: high };
  // No zone changes twice within so few hours.
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offset(middle) === before) low = middle;
    else high = middle;
  }
  return { before, after, changeAt: high };
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known !== undefined) return known;
  const numeric = "numeric" as const;
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    calendar: "gregory",
    numberingSystem: "latn",
    hourCycle: "h23",
    year: numeric,
    month: numeric,
    day: numeric,
    hour: numeric,
    minute: numeric,
    second: numeric,
  });
  if (formats.size < FORMATS_MAX) formats.set(timeZone, format);
  return format;
}
