import { createBackoff, isDefect } from "@turno/runtime";
import type { AssignOutcome } from "./assignment/assign-queued.ts";

/** Gives out what waits in groups, whenever something could have changed in them. */
export interface Assigner {
  trigger(groupIds: Iterable<string>): void;
  /** Finishes what is under way. */
  stop(): Promise<void>;
}

const RETRY_MS = 500;

/** How many groups run at once: an agent of many groups wakes all of them, and there are few connections. */
const RUNS_MAX = 2;

interface AssignerOptions {
  /** Returns the groups that may have something to give out, the most urgent first. */
  selectWaiting(groupIds: readonly string[]): Promise<string[]>;
  assign(groupId: string): Promise<AssignOutcome>;
  onAssigned(count: number): void;
  /** Hears of a failure, after which the run is tried again, and of a defect without a group to blame. */
  onFailure(error: unknown): void;
  /** Hears of a defect that a group provokes: it waits until something else triggers it. */
  onDefect(error: unknown): void;
}

/**
 * Runs `assign` for a group as soon as it is triggered, one run of a group at a time; a trigger during a run makes it
 * run once more. If several groups are triggered at once, by an agent of all of them, one look finds those with
 * something to give out, and only they run, longest wait first. A conversation that waits for its own agent sets a
 * timer to when anybody may have it, by the rules' clock.
 */
export function createAssigner(options: AssignerOptions): Assigner {
  const triggered = new Set<string>();
  const timers = new Map<string, NodeJS.Timeout>();
  let looking: Promise<void> | null = null;
  let isStopping = false;

  const trigger = (groupIds: Iterable<string>) => {
    if (isStopping) return;
    for (const groupId of groupIds) triggered.add(groupId);
    if (triggered.size > 0) looking ??= look();
  };
  const triggerLater = (groupId: string, waitMs: number) => {
    clearTimeout(timers.get(groupId));
    timers.set(
      groupId,
      setTimeout(() => trigger([groupId]), waitMs),
    );
  };
  const runs = createRuns(options, triggerLater);
  const look = async () => {
    // What is triggered in the same pass of the event loop, by one notification a group for instance, is one look.
    await new Promise(setImmediate);
    while (triggered.size > 0 && !isStopping) {
      const groupIds = [...triggered];
      triggered.clear();
      try {
        runs.add(groupIds.length === 1 ? groupIds : await options.selectWaiting(groupIds));
      } catch (error) {
        options.onFailure(error);
        if (isDefect(error)) return;
        for (const groupId of groupIds) triggerLater(groupId, RETRY_MS);
      }
    }
    looking = null;
  };
  return {
    trigger,
    stop: async () => {
      isStopping = true;
      for (const timer of timers.values()) clearTimeout(timer);
      await looking;
      await runs.stop();
    },
  };
}

/** Runs groups in the order in which they are added: several at once, and no group twice at once. */
function createRuns(options: AssignerOptions, triggerLater: (groupId: string, waitMs: number) => void) {
  const due = new Set<string>();
  const running = new Map<string, Promise<void>>();
  const backoff = createBackoff(RETRY_MS);
  let isStopping = false;

  const run = async (groupId: string) => {
    try {
      const outcome = await options.assign(groupId);
      backoff.reset();
      if (outcome.assigned > 0) options.onAssigned(outcome.assigned);
      if (outcome.hasMore) due.add(groupId);
      if (outcome.deferredMs !== null) triggerLater(groupId, Math.max(1, outcome.deferredMs));
    } catch (error) {
      if (isDefect(error)) return options.onDefect(error);
      options.onFailure(error);
      triggerLater(groupId, backoff.nextMs());
    }
  };
  const start = () => {
    for (const groupId of due) {
      if (isStopping || running.size >= RUNS_MAX) return;
      if (running.has(groupId)) continue;
      due.delete(groupId);
      const finished = run(groupId).finally(() => {
        running.delete(groupId);
        start();
      });
      running.set(groupId, finished);
    }
  };
  return {
    add: (groupIds: Iterable<string>) => {
      for (const groupId of groupIds) due.add(groupId);
      start();
    },
    stop: async () => {
      isStopping = true;
      await Promise.all(running.values());
    },
  };
}
