import type { AssignOutcome } from "@turno/database";

/** Gives out what waits in groups, whenever something could have changed in them. */
export interface Assigner {
  trigger(groupIds: Iterable<string>): void;
  /** Finishes what is under way. */
  stop(): Promise<void>;
}

const RETRY_MS = 500;

/**
 * Runs `assign` for a group as soon as it is triggered, one run a group at a time; what triggers it meanwhile makes it
 * run once more. A conversation that waits for its own agent sets a timer to the instant from which anybody may have it.
 */
export function createAssigner(options: {
  assign(groupId: string): Promise<AssignOutcome>;
  onAssigned(count: number): void;
  onFailure(error: unknown): void;
}): Assigner {
  const running = new Map<string, Promise<void>>();
  const triggered = new Set<string>();
  const timers = new Map<string, NodeJS.Timeout>();
  let isStopping = false;

  const runLater = (groupId: string, waitMs: number) => {
    clearTimeout(timers.get(groupId));
    timers.set(
      groupId,
      setTimeout(() => trigger([groupId]), waitMs),
    );
  };
  const run = async (groupId: string) => {
    while (triggered.delete(groupId) && !isStopping) {
      try {
        const outcome = await options.assign(groupId);
        if (outcome.assigned > 0) options.onAssigned(outcome.assigned);
        if (outcome.hasMore) triggered.add(groupId);
        if (outcome.deferredUntil !== null)
          runLater(groupId, Math.max(1, outcome.deferredUntil.getTime() - Date.now()));
      } catch (error) {
        options.onFailure(error);
        runLater(groupId, RETRY_MS);
      }
    }
  };
  const trigger = (groupIds: Iterable<string>) => {
    if (isStopping) return;
    for (const groupId of groupIds) {
      triggered.add(groupId);
      if (running.has(groupId)) continue;
      const finished = run(groupId).finally(() => running.delete(groupId));
      running.set(groupId, finished);
    }
  };
  return {
    trigger,
    stop: async () => {
      isStopping = true;
      for (const timer of timers.values()) clearTimeout(timer);
      await Promise.all(running.values());
    },
  };
}
