import { describe, expect, it } from "vitest";
import { createClockGuard } from "../src/clock-guard.ts";

const HOUR_MS = 3_600_000;

function createClocks() {
  const clocks = { real: 1_790_000_000_000, hostAhead: 0, databaseAhead: 0 };
  const said: (string | null)[] = [];
  const guard = createClockGuard({
    toleranceMs: 30_000,
    readHost: () => clocks.real + clocks.hostAhead,
    readElapsed: () => clocks.real - 1_789_000_000_000,
    onChange: (doubt) => said.push(doubt),
  });
  const look = (whileMs = 1) => {
    guard.ask();
    const database = clocks.real + clocks.databaseAhead;
    clocks.real += whileMs;
    return guard.mayTrust({ database, rules: database, isShifted: false, meta: null, watermark: null });
  };
  return { clocks, said, guard, look };
}

describe("a service's look at the clocks", () => {
  it("says once that they jumped and once that they are back, whichever of them jumped, and keeps its doubt as long", () => {
    for (const off of [
      { hostAhead: 25 * HOUR_MS },
      { databaseAhead: 25 * HOUR_MS },
      { hostAhead: 25 * HOUR_MS, databaseAhead: 25 * HOUR_MS },
      { hostAhead: -HOUR_MS, databaseAhead: -HOUR_MS },
    ]) {
      const { clocks, said, guard, look } = createClocks();
      expect(look()).toBe(true);
      Object.assign(clocks, off);
      for (let count = 0; count < 100; count++) {
        clocks.real += 500;
        expect(look()).toBe(false);
      }
      expect(guard.doubt).toMatch(/^since /);
      Object.assign(clocks, { hostAhead: 0, databaseAhead: 0 });
      expect(look()).toBe(true);
      expect(said).toEqual([expect.stringContaining("since"), null]);
    }
  });

  it("doubts nothing after a pause of hours, a slow answer, or while a time server slews the clocks", () => {
    const { clocks, said, look } = createClocks();
    expect(look()).toBe(true);
    clocks.real += 8 * HOUR_MS;
    expect(look()).toBe(true);
    expect(look(2 * HOUR_MS)).toBe(true);
    for (let count = 0; count < 100_000; count++) {
      clocks.real += 500;
      clocks.hostAhead += 0.25;
      clocks.databaseAhead += 0.25;
      expect(look()).toBe(true);
    }
    expect(said).toEqual([]);
  });
});
