import { firstInstantAt, lastInstantBefore, wallTimeAt } from "./wall-time.ts";

/** A stretch of a day by the clock on the wall, `HH:MM`. Where `until` is not later than `from` it lies on the next day. */
export interface OpenInterval {
  from: string;
  /** `24:00` is the end of the day. */
  until: string;
}

/** The days of the week as people write them; ISO 8601 begins with Monday. */
export const WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;
export type Weekday = (typeof WEEKDAYS)[number];

/** When a group works, by the clock on the wall of its time zone. */
export interface BusinessHours {
  /** A name of the IANA time zone database. */
  timeZone: string;
  weekly: readonly (OpenInterval & { days: readonly Weekday[] })[];
  /** What holds on a date instead of its weekday's intervals: none of them, on a holiday. */
  exceptions: readonly { date: string; open: readonly OpenInterval[] }[];
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** Two weeks and a day: a weekly interval that a clock change swallows comes back a week later. */
const SEARCH_DAYS = 15;
/** The furthest exception that a search looks at. */
const SEARCH_DAYS_MAX = 400;

/**
 * Returns whether the group works at the instant.
 *
 * An interval belongs to the date on which it begins, also where it goes on over midnight. It begins at the first instant
 * at which the clock shows `from` or later, and ends after the last one at which it shows less than `until`. So what a
 * clock change skips is not there, and what it repeats is open both times.
 */
export function isWithinHours(hours: BusinessHours, instant: Date): boolean {
  const at = instant.getTime();
  const today = dateOf(hours, at);
  const open = openOn(hours);
  // The day before goes on over midnight, and a clock change may set the date back.
  return [today - 2 * DAY_MS, today - DAY_MS, today, today + DAY_MS].some((date) =>
    stretchesOn(hours, open, date).some(([begin, end]) => begin <= at && at < end),
  );
}

/** Returns the next instant after this one at which the group begins or ends to work; null where that never happens. */
export function nextChange(hours: BusinessHours, instant: Date): Date | null {
  const at = instant.getTime();
  const today = dateOf(hours, at);
  const open = openOn(hours);
  const lastExceptionAt = Math.max(0, ...hours.exceptions.map(({ date }) => toDate(date)));
  const lastAt = Math.min(Math.max(today, lastExceptionAt) + SEARCH_DAYS * DAY_MS, today + SEARCH_DAYS_MAX * DAY_MS);
  /** Until when it is open, as far as is known; null while it is not open at the instant. */
  let openUntil: number | null = null;
  for (let date = today - 2 * DAY_MS; date <= lastAt; date += DAY_MS) {
    for (const [begin, end] of stretchesOn(hours, open, date)) {
      if (end <= at) continue;
      if (openUntil === null && begin > at) return new Date(begin);
      if (openUntil === null || begin <= openUntil) openUntil = Math.max(openUntil ?? end, end);
    }
    // What follows begins with the next date at the earliest.
    if (openUntil !== null && openUntil < firstInstantAt(hours.timeZone, date + DAY_MS)) return new Date(openUntil);
  }
  return null;
}

/** Returns why these are no hours, naming the member; null where they are. */
export function faultOfHours(hours: BusinessHours): string | null {
  try {
    wallTimeAt(hours.timeZone, 0);
  } catch {
    return `timeZone: ${hours.timeZone} is no time zone of the IANA database, such as Europe/Madrid`;
  }
  const dates = hours.exceptions.map(({ date }) => date);
  const twice = dates.find((date, index) => dates.indexOf(date) !== index);
  if (twice !== undefined) return `exceptions: ${twice} stands twice`;
  const wrong = dates.find((date) => Number.isNaN(toDate(date)) || writeDate(toDate(date)) !== date);
  if (wrong !== undefined) return `exceptions: ${wrong} is no date, such as 2026-12-25`;
  const empty = [...hours.weekly, ...hours.exceptions.flatMap(({ open }) => open)].find(
    ({ from, until }) => from === until,
  );
  return empty === undefined ? null : `${empty.from} to ${empty.until}: a whole day is 00:00 to 24:00`;
}

/** Returns what the clock of the zone shows at an instant: `2026-11-30 09:00`. */
export function writeWallTime({ timeZone }: BusinessHours, instant: Date): string {
  return new Date(wallTimeAt(timeZone, instant.getTime())).toISOString().slice(0, 16).replace("T", " ");
}

type OpenOn = (date: number) => readonly OpenInterval[];
type Stretch = readonly [begin: number, end: number];

/** Dates are numbers here: the instant at which they begin in UTC. */
const toDate = (date: string) => Date.parse(`${date}T00:00:00Z`);
const writeDate = (date: number) => new Date(date).toISOString().slice(0, 10);
const dateOf = ({ timeZone }: BusinessHours, at: number) => Math.floor(wallTimeAt(timeZone, at) / DAY_MS) * DAY_MS;

function openOn(hours: BusinessHours): OpenOn {
  const exceptions = new Map(hours.exceptions.map(({ date, open }) => [toDate(date), open]));
  const byDay = WEEKDAYS.map((day) => hours.weekly.filter(({ days }) => days.includes(day)));
  // 1970-01-01 was a Thursday.
  return (date) => exceptions.get(date) ?? byDay[(((date / DAY_MS + 3) % 7) + 7) % 7] ?? [];
}

function stretchesOn({ timeZone }: BusinessHours, open: OpenOn, date: number): Stretch[] {
  const intervals = open(date).map(({ from, until }) => {
    const [begin, end] = [minutesOf(from), minutesOf(until)];
    return [begin, end > begin ? end : end + 24 * 60] as const;
  });
  return intervals
    .toSorted(([one], [other]) => one - other)
    .map(([begin, end]): Stretch => {
      const [from, until] = [date + begin * 60_000, date + end * 60_000];
      return [firstInstantAt(timeZone, from), lastInstantBefore(timeZone, until)];
    })
    .filter(([begin, end]) => begin < end);
}

function minutesOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(":").map(Number);
  return hours * 60 + minutes;
}
