import { createBackoff, createPause, isDefect } from "@turno/runtime";
import type { SweepOutcome } from "./sweep-due.ts";

export interface Sweeper {
  /** How long ago it last looked, by a clock that cannot be set. */
  readonly silentMs: number;
  stop(): Promise<void>;
}

/** How late it finds at most what its timer did not know of. */
const SWEEP_EVERY_MS = 500;
/** The pause while something is due and the routers' watermark has not reached it. */
const LOOK_AGAIN_MS = 50;

/** Sweeps when the next conversation is due, again at once while there is more, and every so often. */
export function createSweeper(options: {
  sweep(): Promise<SweepOutcome>;
  onSwept(outcome: SweepOutcome): void;
  onFailure(error: unknown): void;
}): Sweeper {
  let isStopping = false;
  let sweptAt = performance.now();
  const backoff = createBackoff(SWEEP_EVERY_MS);
  const pause = createPause();
  const run = async () => {
    while (!isStopping) {
      let waitMs = SWEEP_EVERY_MS;
      try {
        const outcome = await options.sweep();
        sweptAt = performance.now();
        backoff.reset();
        options.onSwept(outcome);
        waitMs = waitAfter(outcome);
      } catch (error) {
        options.onFailure(error);
        if (isDefect(error)) return;
        waitMs = backoff.nextMs();
      }
      if (!isStopping && waitMs > 0) await pause.wait(waitMs);
    }
  };
  const running = run();
  return {
    get silentMs() {
      return performance.now() - sweptAt;
    },
    stop: async () => {
      isStopping = true;
      pause.cut();
      await running;
    },
  };
}

function waitAfter({ expired, warned, nextDueMs, isStandby }: SweepOutcome): number {
  if (isStandby || nextDueMs === null) return SWEEP_EVERY_MS;
  if (nextDueMs > 0) return Math.min(nextDueMs, SWEEP_EVERY_MS);
  return expired + warned > 0 ? 0 : LOOK_AGAIN_MS;
}
