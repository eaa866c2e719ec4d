import { setImmediate as nextTurn } from "node:timers/promises";
import { UPDATES_PER_POST_MAX, type Update } from "./envelope.ts";
import { between, type Random } from "./random.ts";

/** How many updates share a POST: a number between the two, drawn for each. */
export interface BatchSize {
  least: number;
  most: number;
}

/** A play under way. `finished` resolves when its last update was handed to delivery (not: answered). */
export interface Play {
  stop(): void;
  readonly finished: Promise<void>;
}

export interface SteadyOptions {
  perSecond: number;
  /** Ends after this many updates; without it, when stopped. */
  count?: number;
  batch?: BatchSize;
}

export interface Plays {
  /** Customers write at a mean rate, at random instants (a Poisson process) that do not wait for answers. One update a POST by default. */
  steady(options: SteadyOptions): Play;
  /** The given number of updates leaves at once, as after an outage: POSTs of 1,000 by default. Returns how many POSTs. */
  burst(count: number, batch?: BatchSize): number;
  /** The given number of updates leaves as fast as the answers allow. POSTs of 1 to 100 by default. */
  flood(count: number, options?: { batch?: BatchSize; pendingMax?: number }): Play;
  stopPlays(): void;
}

export interface PlaysDependencies {
  next: () => Update;
  send: (updates: readonly Update[]) => void;
  untilPending: (pendingMax: number) => Promise<void>;
  reorderWindow: number;
  concurrency: number;
  random: Random;
}

/** The shortest wait of a timer; a faster rate lets several updates go at each tick. */
const tickMs = 5;

export function createPlays({
  next,
  send,
  untilPending,
  reorderWindow,
  concurrency,
  random,
}: PlaysDependencies): Plays {
  const running = new Set<Play>();
  const window: Update[] = [];

  /** Gives an update out of the window, which is kept full until the play's end. */
  function nextReordered(left: number): Update {
    while (window.length < Math.min(Math.max(1, reorderWindow), left + window.length)) window.push(next());
    return window.splice(Math.floor(random() * window.length), 1)[0] as Update;
  }

  /** Sends up to `most` updates as one POST and gives their number. `left` is what the play still has to give in all. */
  function sendBatch(left: number, { least, most }: BatchSize): number {
    const size = Math.min(left, UPDATES_PER_POST_MAX, between(random, least, most));
    const updates: Update[] = [];
    for (let index = 0; index < size; index++) updates.push(nextReordered(left - index - window.length));
    send(updates);
    return size;
  }

  function run(body: (isStopped: () => boolean, untilStopped: Promise<void>) => Promise<void>): Play {
    let stopped = false;
    const stopping = Promise.withResolvers<void>();
    const stop = () => {
      stopped = true;
      stopping.resolve();
    };
    const finished = body(() => stopped, stopping.promise).finally(() => running.delete(play));
    const play = { stop, finished };
    running.add(play);
    return play;
  }

  return {
    steady({ perSecond, count = Infinity, batch = { least: 1, most: 1 } }) {
      return run(async (isStopped, untilStopped) => {
        let left = count;
        let dueAt = performance.now();
        while (left > 0 && !isStopped()) {
          while (left > 0 && dueAt <= performance.now()) {
            const size = sendBatch(left, batch);
            left -= size;
            dueAt += (-Math.log(1 - random()) * 1_000 * size) / perSecond;
          }
          if (left > 0) await wait(Math.max(tickMs, dueAt - performance.now()), untilStopped);
        }
      });
    },
    burst(count, batch = { least: UPDATES_PER_POST_MAX, most: UPDATES_PER_POST_MAX }) {
      let posts = 0;
      for (let left = count; left > 0; posts++) left -= sendBatch(left, batch);
      return posts;
    },
    flood(count, { batch = { least: 1, most: 100 }, pendingMax = concurrency * 2 } = {}) {
      return run(async (isStopped) => {
        let left = count;
        while (left > 0 && !isStopped()) {
          left -= sendBatch(left, batch);
          // Answers are read between POSTs, else the durations would measure the making of the next bodies.
          await nextTurn();
          await untilPending(pendingMax);
        }
      });
    },
    stopPlays() {
      for (const play of running) play.stop();
    },
  };
}

async function wait(ms: number, untilStopped: Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([promise, untilStopped]);
  clearTimeout(timer);
}
