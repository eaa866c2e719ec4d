import { describe, expect, it } from "vitest";
import { clockDoubt, type ClockReading } from "../src/index.ts";

const TOLERANCE_MS = 30_000;
const HOUR_MS = 3_600_000;
const NOON = 1_790_000_000_000;

/** A reading `atMs` after the first one, by clocks that may be off. */
function readingAt(atMs: number, off: { host?: number; database?: number; rules?: number } = {}): ClockReading {
  const host = NOON + atMs + (off.host ?? 0);
  const database = NOON + atMs + (off.database ?? 0);
  return {
    hostFrom: host - 5,
    hostTo: host + 5,
    elapsed: atMs,
    database,
    rules: database + (off.rules ?? 0),
    isShifted: false,
    meta: null,
    watermark: null,
  };
}
const first = readingAt(0);
const doubtOf = (reading: ClockReading, trusted: ClockReading | null = first) =>
  clockDoubt(reading, trusted, TOLERANCE_MS);

describe("the clocks by which something irreversible is done", () => {
  it("are trusted where host and database agree and went on as time went by", () => {
    expect(doubtOf(first, null)).toBeNull();
    expect(doubtOf(readingAt(500))).toBeNull();
    expect(doubtOf(readingAt(30 * 24 * HOUR_MS))).toBeNull();
    expect(doubtOf(readingAt(500, { host: 20_000, database: -9_000 }))).toBeNull();
  });

  it("are not trusted while one of them, both, or the rules' own is off, and are again once it is back", () => {
    for (const ms of [25 * HOUR_MS, -HOUR_MS, 31_000, -31_000]) {
      expect(doubtOf(readingAt(1_000, { database: ms }))).toContain("the database's clock");
      expect(doubtOf(readingAt(1_000, { host: ms }))).toContain("the database's clock");
      expect(doubtOf(readingAt(1_000, { host: ms, database: ms }))).toContain("jumped together");
      expect(doubtOf(readingAt(9 * HOUR_MS, { host: ms, database: ms }))).toContain("jumped together");
      expect(doubtOf(readingAt(1_000, { rules: ms }))).toContain("on purpose");
    }
    expect(doubtOf(readingAt(6_000))).toBeNull();
  });

  it("are trusted after a process was paused, whose question was answered long ago", () => {
    const paused = { ...readingAt(2 * HOUR_MS), hostFrom: NOON - 5, database: NOON };
    expect(doubtOf({ ...paused, rules: NOON })).toBeNull();
  });

  it("are trusted where the machine slept: what counts the time that went by counts that too", () => {
    expect(doubtOf(readingAt(8 * HOUR_MS))).toBeNull();
  });

  it("may be shifted on purpose where the database says so, but host and database still have to agree", () => {
    const shifted = (off: Parameters<typeof readingAt>[1]) => ({ ...readingAt(1_000, off), isShifted: true });
    expect(doubtOf(shifted({ rules: 25 * HOUR_MS }))).toBeNull();
    expect(doubtOf(shifted({ rules: 25 * HOUR_MS, database: 25 * HOUR_MS }))).toContain("the database's clock");
  });

  it("are not behind what Meta has said; a quiet number says nothing", () => {
    expect(doubtOf({ ...readingAt(1_000), meta: NOON + HOUR_MS })).toContain("behind Meta's newest timestamp");
    expect(doubtOf({ ...readingAt(1_000), meta: NOON + 20_000 })).toBeNull();
    expect(doubtOf({ ...readingAt(1_000), meta: NOON - 300 * HOUR_MS })).toBeNull();
  });

  it("are not behind a watermark that was noted while the clock was ahead", () => {
    expect(doubtOf({ ...readingAt(1_000), watermark: NOON + 25 * HOUR_MS })).toContain("routers' watermark");
    expect(doubtOf({ ...readingAt(1_000), watermark: NOON - HOUR_MS })).toBeNull();
  });
});
