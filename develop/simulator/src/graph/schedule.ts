/** Things to do later, which can all be called off. */
export interface Schedule {
  /** The function given back calls it off. */
  after(delayMs: number, action: () => void): () => void;
  /** Resolves when nothing is left to do. */
  untilIdle(): Promise<void>;
  /** Resolves once `stop` was called. */
  readonly stopped: Promise<void>;
  stop(): void;
}

export function createSchedule(): Schedule {
  const timers = new Set<NodeJS.Timeout>();
  const stopping = Promise.withResolvers<void>();
  let waiters: (() => void)[] = [];
  let isStopped = false;

  function wake() {
    if (timers.size > 0) return;
    const woken = waiters;
    waiters = [];
    for (const resolve of woken) resolve();
  }

  return {
    after(delayMs, action) {
      if (isStopped) return () => {};
      const timer = setTimeout(() => {
        timers.delete(timer);
        action();
        wake();
      }, delayMs);
      timers.add(timer);
      return () => {
        clearTimeout(timer);
        if (timers.delete(timer)) wake();
      };
    },
    async untilIdle() {
      if (timers.size > 0) await new Promise<void>((resolve) => waiters.push(resolve));
    },
    stopped: stopping.promise,
    stop() {
      isStopped = true;
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
      stopping.resolve();
      wake();
    },
  };
}
