/**
 * The world failed: something is away, refused, or has changed meanwhile. The code that meets one goes on. Anything
 * else that is thrown is a defect of ours. Where a driver's error becomes ours, it becomes a failure or stays a defect.
 */
export abstract class Failure extends Error {
  /** Whether the same may succeed later without anybody's change. */
  readonly retryable: boolean = true;
}

/** Whether the same may succeed later without anybody's change. */
export function isRetryable(error: unknown): boolean {
  return error instanceof Failure && error.retryable;
}

/** Returns whether an error is a fault of ours: trying the same again does not help. */
export function isDefect(error: unknown): boolean {
  return !(error instanceof Failure);
}

const undone = new WeakSet<object>();

/** Notes that everything before this error was undone, and nothing of it was kept. */
export function noteUndone(error: unknown): void {
  if (typeof error === "object" && error !== null) undone.add(error);
}

/** Returns whether nothing is kept of what ended with this error. False means that it is not known. */
export function isUndone(error: unknown): boolean {
  return typeof error === "object" && error !== null && undone.has(error);
}
