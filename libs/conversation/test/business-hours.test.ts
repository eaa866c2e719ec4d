import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import {
  faultOfHours,
  isWithinHours,
  nextChange,
  WEEKDAYS,
  type BusinessHours,
  type OpenInterval,
} from "../src/index.ts";

const SEED = Number(process.env["HOURS_SEED"] ?? 68);
/** `HOURS_ZONES=all` takes every zone of the world. */
const ZONES =
  process.env["HOURS_ZONES"] === "all"
    ? Intl.supportedValuesOf("timeZone")
    : // Both hemispheres, half hours, a change by half an hour, one at midnight, one on a Thursday night, and none at all.
      [
        "Europe/Madrid",
        "America/New_York",
        "America/Santiago",
        "America/Havana",
        "Africa/Cairo",
        "Africa/Casablanca",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "Pacific/Chatham",
        "UTC",
      ];
/** How many weeks of hours are tried in each zone's year, and how many instants of the year with each. */
const HOURS_PER_ZONE = 3;
const INSTANTS = 60;

const STEP_MS = 15 * 60_000;
const STEPS_A_DAY = 96;
const DAY_MS = 24 * 60 * 60_000;
const YEAR = 2026;
const FROM = Date.UTC(YEAR, 0, 1) - 20 * DAY_MS;
const STEPS = 400 * STEPS_A_DAY;

const instantOf = (step: number) => new Date(FROM + step * STEP_MS);
const dateText = (at: number) => new Date(at).toISOString().slice(0, 10);

/** What the clock of a zone shows at each quarter of an hour, as text: `2026-03-29 03:00`. */
function readWall(timeZone: string): string[] {
  const format = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "short" });
  return Array.from({ length: STEPS }, (_, step) => format.format(FROM + step * STEP_MS));
}

/**
 * The slow way: it looks at the clock every quarter of an hour, and marks what lies between the first look that shows the
 * beginning of an interval and the last one that does not show its end. It knows no offset.
 */
function markOpen(hours: BusinessHours, wall: readonly string[]): boolean[] {
  const open = Array.from({ length: STEPS }, () => false);
  for (let day = 4; day < 396; day++) {
    const date = dateText(FROM + day * DAY_MS);
    const weekday = WEEKDAYS[(new Date(`${date}T00:00:00Z`).getUTCDay() + 6) % 7] ?? "mon";
    const exception = hours.exceptions.find((one) => one.date === date);
    const weekly = hours.weekly.filter(({ days }) => days.includes(weekday));
    for (const { from, until } of exception?.open ?? weekly) {
      const isOver = until <= from || until === "24:00";
      const end = `${isOver ? dateText(FROM + (day + 1) * DAY_MS) : date} ${until === "24:00" ? "00:00" : until}`;
      const near = Array.from({ length: 5 * STEPS_A_DAY }, (_, step) => (day - 2) * STEPS_A_DAY + step);
      const begins = near.findIndex((step) => (wall[step] ?? "") >= `${date} ${from}`);
      const last = near.findLastIndex((step) => (wall[step] ?? "") < end);
      for (let index = begins; index <= last; index++) open[near[index] ?? 0] = true;
    }
  }
  return open;
}

const time = fc
  .integer({ min: 0, max: STEPS_A_DAY - 1 })
  .map((step) => new Date(step * STEP_MS).toISOString().slice(11, 16));
const interval: fc.Arbitrary<OpenInterval> = fc
  .tuple(time, fc.oneof({ weight: 4, arbitrary: time }, { weight: 1, arbitrary: fc.constant("24:00") }))
  .filter(([from, until]) => from !== until)
  .map(([from, until]) => ({ from, until }));
const days = fc.uniqueArray(fc.constantFrom(...WEEKDAYS), { minLength: 1, maxLength: 7 });
const date = fc.integer({ min: 0, max: 364 }).map((day) => dateText(Date.UTC(YEAR, 0, 1) + day * DAY_MS));

/** Weeks with nights and several intervals a day, with holidays, some of them where the zone's clock changes. */
const hoursIn = (timeZone: string, changes: readonly string[]): fc.Arbitrary<BusinessHours> =>
  fc.record({
    timeZone: fc.constant(timeZone),
    weekly: fc.array(
      fc.tuple(interval, days).map(([one, on]) => ({ ...one, days: on })),
      { maxLength: 5 },
    ),
    exceptions: fc.uniqueArray(
      fc.record({
        date: changes.length === 0 ? date : fc.oneof(date, fc.constantFrom(...changes)),
        open: fc.array(interval, { maxLength: 2 }),
      }),
      { selector: (one) => one.date, maxLength: 12 },
    ),
  });

/** Steps of the year after which the clock does not show a quarter of an hour more. */
const changesOf = (wall: readonly string[]) =>
  wall.flatMap((text, step) => {
    const [shown, before] = [Date.parse(`${text}Z`), Date.parse(`${wall[step - 1] ?? text}Z`)];
    return step > 0 && shown - before !== STEP_MS ? [step] : [];
  });

describe(`hours over the year ${YEAR} (seed ${SEED}, ${ZONES.length} zones)`, () => {
  it.each(ZONES)("are what the clock of %s shows, at every holiday and clock change", (timeZone) => {
    const wall = readWall(timeZone);
    const changes = changesOf(wall);
    const changeDates = changes.flatMap((step) => [wall[step]?.slice(0, 10) ?? "", wall[step - 1]?.slice(0, 10) ?? ""]);
    const steps = fc.array(fc.integer({ min: 20 * STEPS_A_DAY, max: 384 * STEPS_A_DAY }), {
      minLength: INSTANTS,
      maxLength: INSTANTS,
    });
    fc.assert(
      fc.property(hoursIn(timeZone, changeDates), steps, (hours, random) => {
        expect(faultOfHours(hours)).toBeNull();
        const open = markOpen(hours, wall);
        const around = changes.flatMap((step) => Array.from({ length: 24 }, (_, index) => step - 12 + index));
        for (const step of [...random, ...around]) {
          const at = instantOf(step);
          const found = { at, wall: wall[step], hours, isOpen: isWithinHours(hours, at), next: nextChange(hours, at) };
          const next = open.findIndex((isSo, index) => index > step && isSo !== open[step]);
          // Beyond what the slow way has looked at, and what the search promises, nothing is compared.
          const isSeen = next !== -1 && next < step + 14 * STEPS_A_DAY;
          expect(found).toEqual({ ...found, isOpen: open[step], ...(isSeen && { next: instantOf(next) }) });
        }
      }),
      { seed: SEED, numRuns: HOURS_PER_ZONE },
    );
  });
});

describe("hours", () => {
  const madrid = (weekly: BusinessHours["weekly"], exceptions: BusinessHours["exceptions"] = []) => ({
    timeZone: "Europe/Madrid",
    weekly,
    exceptions,
  });
  const daily = [...WEEKDAYS];

  it("begin at their instant and end at theirs, to the millisecond", () => {
    const hours = madrid([{ days: ["mon"], from: "09:00", until: "17:30" }]);
    const [begin, end] = [new Date("2026-11-30T08:00:00Z"), new Date("2026-11-30T16:30:00Z")];
    const justBefore = (instant: Date) => new Date(instant.getTime() - 1);
    expect([justBefore(begin), begin, justBefore(end), end].map((at) => isWithinHours(hours, at))).toEqual([
      false,
      true,
      true,
      false,
    ]);
    expect(nextChange(hours, justBefore(begin))).toEqual(begin);
    expect(nextChange(hours, begin)).toEqual(end);
    expect(nextChange(hours, end)).toEqual(new Date("2026-12-07T08:00:00Z"));
  });

  it("never change where they are always or never open", () => {
    const at = new Date("2026-06-01T00:00:00Z");
    expect(nextChange(madrid([{ days: daily, from: "00:00", until: "24:00" }]), at)).toBeNull();
    expect(nextChange(madrid([]), at)).toBeNull();
    expect(isWithinHours(madrid([]), at)).toBe(false);
  });

  it("find a holiday and a single open day far away", () => {
    const always = [{ days: daily, from: "00:00", until: "24:00" }];
    const at = new Date("2026-01-01T12:00:00Z");
    expect(nextChange(madrid(always, [{ date: "2026-12-25", open: [] }]), at)).toEqual(
      new Date("2026-12-24T23:00:00Z"),
    );
    expect(nextChange(madrid([], [{ date: "2026-12-24", open: [{ from: "10:00", until: "12:00" }] }]), at)).toEqual(
      new Date("2026-12-24T09:00:00Z"),
    );
  });

  it("pass over a day that a zone left out", () => {
    // Samoa had no 2011-12-30.
    const hours = {
      timeZone: "Pacific/Apia",
      weekly: [{ days: daily, from: "09:00", until: "17:00" }],
      exceptions: [],
    };
    const end = new Date("2011-12-30T03:00:00Z");
    expect(nextChange(hours, new Date(end.getTime() - 1))).toEqual(end);
    expect(nextChange(hours, end)).toEqual(new Date("2011-12-30T19:00:00Z"));
  });

  it("ask the clock for each piece of a day once, however many they are and however far they go", () => {
    const ask = vi.spyOn(Intl.DateTimeFormat.prototype, "formatToParts");
    const at = new Date("2026-06-01T12:00:00Z");
    const twice = [...daily, ...daily].map((_, hour) => {
      const clock = (minute: string) => `${String(hour).padStart(2, "0")}:${minute}`;
      return { days: daily, from: clock("00"), until: clock("30") };
    });
    isWithinHours(madrid(twice), at);
    // A group of the same zone, a moment later: what date it is, and nothing else.
    ask.mockClear();
    isWithinHours(madrid(twice.slice(1)), new Date(at.getTime() + 500));
    expect(ask).toHaveBeenCalledTimes(1);

    const always = [...twice, { days: daily, from: "00:00", until: "24:00" }];
    const holiday = [{ date: "2027-06-30", open: [] }];
    nextChange(madrid(always, holiday), at);
    ask.mockClear();
    expect(nextChange(madrid(always, holiday), at)).toEqual(new Date("2027-06-29T22:00:00Z"));
    expect(ask).toHaveBeenCalledTimes(1);
    ask.mockRestore();
  });

  it("say what is wrong with them", () => {
    const fault = (some: Partial<BusinessHours>) => faultOfHours({ ...madrid([]), ...some });
    expect(fault({})).toBeNull();
    expect(fault({ timeZone: "Europe/Atlantis" })).toContain("Europe/Atlantis");
    expect(fault({ exceptions: [{ date: "2026-02-30", open: [] }] })).toContain("2026-02-30");
    expect(
      fault({
        exceptions: [
          { date: "2026-12-25", open: [] },
          { date: "2026-12-25", open: [] },
        ],
      }),
    ).toContain("twice");
    expect(fault({ weekly: [{ days: ["mon"], from: "09:00", until: "09:00" }] })).toContain("09:00");
  });
});
