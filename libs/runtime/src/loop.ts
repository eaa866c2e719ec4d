import { createBackoff } from "./backoff.ts";
import { isDefect } from "./failure.ts";

export interface Loop {
  /** Ends the loop. Resolves when the run under way is done. */
  stop(): Promise<void>;
}

/**
 * Repeats a task: runs it at once, and again `pauseMs` after each run has ended, so that two never overlap. A run that
 * fails is reported, and the next one comes later with each failure in a row. A defect is reported too and ends the
 * loop: `onFailure` ends the process, or throws, and nobody catches it. A long run looks at `stopping` to end early.
 */
export function startLoop(options: {
  run: (stopping: AbortSignal) => Promise<unknown>;
  pauseMs: number;
  onFailure: (error: unknown) => void;
}): Loop {
  const stopping = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let running = Promise.resolve();
  const backoff = createBackoff(options.pauseMs);
  const runAndPause = async () => {
    let { pauseMs } = options;
    try {
      await options.run(stopping.signal);
      backoff.reset();
    } catch (error) {
      options.onFailure(error);
      if (isDefect(error)) return;
      pauseMs = backoff.nextMs();
    }
    if (!stopping.signal.aborted) timer = setTimeout(start, pauseMs);
  };
  const start = () => {
    running = runAndPause();
  };
  start();
  return {
    stop: async () => {
      stopping.abort();
      clearTimeout(timer);
      await running;
    },
  };
}
