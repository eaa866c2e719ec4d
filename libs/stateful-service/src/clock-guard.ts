import { clockDoubt, type ClockReading } from "@turno/conversation";
import type { DatabaseClocks } from "@turno/database";
import { uptime } from "node:os";

export interface ClockGuard {
  /** Notes the instant at which the database is asked. */
  ask(): void;
  /** Returns whether the clocks in its answer may be trusted with something irreversible. */
  mayTrust: (clocks: DatabaseClocks) => boolean;
  /** Why the clocks may not be trusted, and since when; null while they may. */
  readonly doubt: string | null;
}

/**
 * Compares this host's clock with the database's at each look, and both with the time that went by. `readElapsed` is a clock
 * that only runs forward, also while the machine sleeps.
 */
export function createClockGuard(options: {
  toleranceMs: number;
  readHost?: () => number;
  readElapsed?: () => number;
  /** Called when a doubt begins, and with null when it is over. */
  onChange: (doubt: string | null) => void;
}): ClockGuard {
  const { toleranceMs, readHost = Date.now, readElapsed = readTimeSinceBoot, onChange } = options;
  let hostFrom = readHost();
  let trusted: ClockReading | null = null;
  let doubt: string | null = null;
  return {
    ask: () => {
      hostFrom = readHost();
    },
    mayTrust: (clocks) => {
      const reading = { ...clocks, hostFrom, hostTo: readHost(), elapsed: readElapsed() };
      const found = clockDoubt(reading, trusted, toleranceMs);
      if (found === null) trusted = reading;
      if ((found === null) !== (doubt === null)) {
        doubt = found === null ? null : `since ${new Date(reading.hostTo).toISOString()} ${found}`;
        onChange(doubt);
      }
      return found === null;
    },
    get doubt() {
      return doubt;
    },
  };
}

/** `performance.now()` stands still while the machine sleeps, and the clocks do not. */
const readTimeSinceBoot = () => uptime() * 1_000;
