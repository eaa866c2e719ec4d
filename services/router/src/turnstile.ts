/** Lets a number of callers in at a time, in the order in which they came. */
export interface Turnstile {
  /** Resolves when the caller may enter, with the function that leaves. */
  enter: () => Promise<() => void>;
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
