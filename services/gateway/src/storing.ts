import { PublishFailure } from "@turno/messaging";
import { isDefect, startLoop } from "@turno/runtime";

/** How often a log that did not store is probed. */
const PROBE_EVERY_MS = 1_000;

/** Whether the log stores, by the last attempt: a server may answer everything else, and store nothing. */
export interface Storing {
  /** Since when and why nothing is stored; null while the last attempt succeeded. */
  readonly obstacle: string | null;
  /** Runs an attempt to store, and notes how it ends. */
  attempt<T>(store: () => Promise<T>): Promise<T>;
  stop(): Promise<void>;
}

/**
 * Watches whether the log stores. A balancer sends nothing to a gateway that is not ready, so no delivery would show
 * that the log stores again. So while nothing is stored, `probe` stores something without meaning. `onFailure` hears of
 * a probe that fails for another reason than the one before.
 */
export function watchStoring(probe: () => Promise<unknown>, onFailure: (error: unknown) => void): Storing {
  let told: string | null = null;
  let failing: { since: string; reason: string } | null = null;
  const attempt: Storing["attempt"] = async (store) => {
    try {
      const stored = await store();
      failing = null;
      return stored;
    } catch (error) {
      // What can never leave says nothing about the log.
      const isUnpublishable = error instanceof PublishFailure && error.errorCode === 0 && !error.retryable;
      if (!isUnpublishable) {
        const reason = error instanceof Error ? error.message : String(error);
        failing = { since: failing?.since ?? new Date().toISOString(), reason };
      }
      throw error;
    }
  };
  const loop = startLoop({
    run: async () => {
      if (failing !== null) await attempt(probe);
    },
    pauseMs: PROBE_EVERY_MS,
    onFailure: (error) => {
      if (isDefect(error)) throw error;
      const reason = failing?.reason ?? null;
      if (reason !== told) onFailure(error);
      told = reason;
    },
  });
  return {
    get obstacle() {
      if (failing === null) return null;
      return `nothing has been stored since ${failing.since}: ${failing.reason}`;
    },
    attempt,
    stop: () => loop.stop(),
  };
}
