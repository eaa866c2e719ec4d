/** A wait that can be cut short; only one at a time. */
export interface Pause {
  /** Resolves after this many milliseconds, or as soon as it is cut. */
  wait(ms: number): Promise<void>;
  /** Ends the wait that is under way. It does not cut a later one. */
  cut(): void;
}

const nothing = (): void => undefined;

export function createPause(): Pause {
  let cut = nothing;
  return {
    wait: (ms) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, ms);
        cut = () => {
          clearTimeout(timer);
          resolve();
        };
      }),
    cut: () => cut(),
  };
}
