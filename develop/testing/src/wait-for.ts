import { setTimeout as wait } from "node:timers/promises";

export interface WaitOptions {
  /** What is waited for, as the failure will name it: "the conversation is assigned". */
  what: string;
  timeoutMs?: number;
  intervalMs?: number;
}

/**
 * Asks again and again until the condition gives something truthy, and gives that back. Throws an error that names
 * `what`, the last answer and the last error where it does not within `timeoutMs` (30 s by default: the machine may be busy).
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  { what, timeoutMs = 30_000, intervalMs = 10 }: WaitOptions,
): Promise<NonNullable<Exclude<T, false>>> {
  const deadline = performance.now() + timeoutMs;
  let last = "nothing was seen";
  for (;;) {
    try {
      const seen = await condition();
      if (seen) return seen as NonNullable<Exclude<T, false>>;
      last = `last seen: ${JSON.stringify(seen)}`;
    } catch (error) {
      last = `last error: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (performance.now() >= deadline) throw new Error(`waited ${timeoutMs} ms in vain until ${what}; ${last}`);
    await wait(intervalMs);
  }
}
