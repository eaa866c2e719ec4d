import { isRetryable } from "./failure.ts";
import { findPoison } from "./find-poison.ts";

/** Rows that a loop leaves out for a while, because a defect follows from them. Each process knows its own. */
export interface SetAside {
  /** Their keys: what looks for rows passes over these. */
  readonly keys: readonly string[];
  /** One sentence for an operator, and null while there is none. */
  readonly note: string | null;
  /**
   * Does a piece of work for all the rows at once. Where that throws what can follow from a row, it does it for halves of
   * them, down to the row that throws it again, which is set aside; the others have taken effect. What may pass when it is
   * tried again is thrown. `work` keeps nothing of what it throws for.
   */
  run<Row>(
    rows: readonly Row[],
    keyOf: (row: Row) => string,
    work: (rows: readonly Row[]) => Promise<void>,
  ): Promise<void>;
}

/** How long a row rests before it is tried, and told of, again: what provoked the defect may have passed. */
const REST_MS = 60_000;

/** `what` says what the rows are left out of, such as "the expiry of conversations". */
export function createSetAside(options: {
  what: string;
  /** Hears of each row that is set aside, with what was thrown. */
  onDefect: (error: unknown, key: string) => void;
  nowMs?: () => number;
}): SetAside {
  const { what, onDefect, nowMs = () => performance.now() } = options;
  const restingUntil = new Map<string, number>();
  const keys = () => {
    for (const [key, until] of restingUntil) if (until <= nowMs()) restingUntil.delete(key);
    return [...restingUntil.keys()];
  };
  return {
    get keys() {
      return keys();
    },
    get note() {
      const count = keys().length;
      return count === 0 ? null : `left out of ${what} by a defect, as the log says: ${count}`;
    },
    run: async (rows, keyOf, work) => {
      const poison = await findPoison(rows, work, (error) => !isRetryable(error));
      for (const [row, error] of poison) {
        restingUntil.set(keyOf(row), nowMs() + REST_MS);
        onDefect(error, keyOf(row));
      }
    },
  };
}

/** Sets nothing aside: what a row provokes is thrown. */
export const SETS_NOTHING_ASIDE: SetAside = { keys: [], note: null, run: (rows, _keyOf, work) => work(rows) };
