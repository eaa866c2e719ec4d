/** Lets so many through at a time, in the order in which they came. */
export interface Turnstile {
  /** Resolves when it is the caller's turn, with what ends it. */
  enter(): Promise<() => void>;
}

export function createTurnstile(places = 1): Turnstile {
  let free = places;
  const waiting: (() => void)[] = [];
  return {
    enter: async () => {
      if (free > 0) free -= 1;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      let isInside = true;
      return () => {
        if (!isInside) return;
        isInside = false;
        const next = waiting.shift();
        if (next === undefined) free += 1;
        else next();
      };
    },
  };
}
