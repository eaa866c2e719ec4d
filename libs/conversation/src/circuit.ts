/** What an open circuit covers: everything of a token, an account or a number, or the templates of an account. */
export type CircuitScope = "token" | "account" | "templates" | "number";

/** The waits between the tries of an open circuit, in milliseconds: the first, doubled each time, up to the longest. */
export interface TryWaits {
  firstMs: number;
  maxMs: number;
}

/**
 * Returns the wait after the n-th try, counted from 1. A try ends with its lease, so the next one does not come before.
 */
export function tryWaitMs({ firstMs, maxMs }: TryWaits, tries: number, leaseMs: number): number {
  return Math.max(leaseMs, Math.min(maxMs, firstMs * 2 ** Math.min(tries, 30)));
}
