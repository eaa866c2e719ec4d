/** A wait that can be cut short: one at a time. */
export interface Pause {
  /** Resolves after so many milliseconds, or as soon as it is cut. */
  wait(ms: number): Promise<void>;
  /** Ends the wait that is under way. One that begins later is not cut by it. */
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
