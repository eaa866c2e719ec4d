import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Failure, startLoop } from "../src/index.ts";

class AwayFailure extends Failure {}

const PAUSE_MS = 1_000;

/** A loop whose runs end when told to. */
function createScene() {
  const runs: { stopping: AbortSignal; succeed: () => void; fail: (error: Error) => void }[] = [];
  const failures: unknown[] = [];
  const loop = startLoop({
    run: (stopping) => new Promise<void>((succeed, fail) => runs.push({ stopping, succeed, fail })),
    pauseMs: PAUSE_MS,
    onFailure: (error) => failures.push(error),
  });
  return { loop, runs, failures };
}

describe("a loop", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("runs at once, and again a pause after each run has ended, however long that took", async () => {
    const { runs } = createScene();
    expect(runs).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(10 * PAUSE_MS);
    expect(runs).toHaveLength(1);
    runs[0]?.succeed();
    await vi.advanceTimersByTimeAsync(PAUSE_MS - 1);
    expect(runs).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(runs).toHaveLength(2);
  });

  it("reports a run that fails and goes on", async () => {
    const { runs, failures } = createScene();
    const error = new AwayFailure("the database is away");
    runs[0]?.fail(error);
    await vi.advanceTimersByTimeAsync(PAUSE_MS);
    expect(failures).toEqual([error]);
    expect(runs).toHaveLength(2);
  });

  it("waits longer after each failure in a row, up to 3 s, and as long as usual after a success", async () => {
    const { runs } = createScene();
    const waitedMs: number[] = [];
    for (let round = 0; round < 8; round++) {
      const startedAt = performance.now();
      runs.at(-1)?.fail(new AwayFailure("the database is away"));
      const seen = runs.length;
      while (runs.length === seen) await vi.advanceTimersByTimeAsync(50);
      waitedMs.push(performance.now() - startedAt);
    }
    expect(Math.min(...waitedMs)).toBeGreaterThanOrEqual(PAUSE_MS);
    expect(Math.max(...waitedMs)).toBeLessThanOrEqual(3_050);
    expect(Math.max(...waitedMs)).toBeGreaterThan(1_450);
    runs.at(-1)?.succeed();
    const seen = runs.length;
    await vi.advanceTimersByTimeAsync(PAUSE_MS);
    expect(runs).toHaveLength(seen + 1);
  });

  it("reports a defect and does not run again", async () => {
    const { runs, failures } = createScene();
    const defect = new TypeError("planted");
    runs[0]?.fail(defect);
    await vi.advanceTimersByTimeAsync(10 * PAUSE_MS);
    expect([failures, runs.length, vi.getTimerCount()]).toEqual([[defect], 1, 0]);
  });

  it("reports also what is thrown before the run's first promise", async () => {
    const failures: unknown[] = [];
    const run = vi.fn<() => Promise<void>>(() => {
      throw new AwayFailure("at once");
    });
    startLoop({ run, pauseMs: PAUSE_MS, onFailure: (error) => failures.push(error) });
    await vi.advanceTimersByTimeAsync(PAUSE_MS);
    expect(failures).toEqual([new AwayFailure("at once"), new AwayFailure("at once")]);
  });

  it.each(["succeed", "fail"] as const)(
    "stops when the run under way is done, by %s, with none after it",
    async (end) => {
      const { loop, runs } = createScene();
      let isStopped = false;
      const stopped = loop.stop().then(() => (isStopped = true));
      await vi.advanceTimersByTimeAsync(10 * PAUSE_MS);
      expect([isStopped, runs[0]?.stopping.aborted]).toEqual([false, true]);
      runs[0]?.[end](new Error("the database is away"));
      await stopped;
      expect([runs.length, vi.getTimerCount()]).toEqual([1, 0]);
    },
  );

  it("stops at once between two runs", async () => {
    const { loop, runs } = createScene();
    runs[0]?.succeed();
    await vi.advanceTimersByTimeAsync(PAUSE_MS / 2);
    expect(vi.getTimerCount()).toBe(1);
    await loop.stop();
    expect([runs.length, vi.getTimerCount()]).toEqual([1, 0]);
  });
});
