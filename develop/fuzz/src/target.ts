/** A reader that is fed with whatever may come. */
export interface FuzzTarget {
  name: string;
  /** What it reads, for people. */
  reads: string;
  /** The inputs to begin with, beside the corpus. */
  seeds(): Buffer[];
  /**
   * Feeds the reader and throws where a promise is broken. Returns what was seen: an input that shows something new is worth
   * keeping, although it runs no new code.
   */
  execute(input: Buffer): readonly string[] | Promise<readonly string[]>;
}

/** The rule that a cause names, without what comes from the input: there must be few things to tell apart. */
export const ruleOf = (cause: string): string =>
  cause.startsWith("not-json")
    ? "not-json"
    : cause
        .slice(cause.indexOf(": ") + 1)
        .replaceAll(/\d+/g, "")
        .slice(0, 60);

/** A promise that an input broke. */
class BrokenPromise extends Error {}

/** Throws a `BrokenPromise` unless something holds. `what` never holds a part of the input, so that equal findings meet. */
export function promise(holds: boolean, what: string): asserts holds {
  if (!holds) throw new BrokenPromise(what);
}
