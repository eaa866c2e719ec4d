import postgres from "postgres";

/** A partition of the log belongs to another reader by now: nothing of the batch was kept, the lease must be sought anew. */
export class LeaseLostFailure extends Error {
  readonly retryable = true;
}

/** Somebody else changed the same rows first: nothing was kept, the same call may be made again at once. */
export class ConflictFailure extends Error {
  readonly retryable = true;
}

const INTEGRITY_VIOLATION_CLASS = "23";
const DATA_EXCEPTION_CLASS = "22";
const UNIQUE_VIOLATION = "23505";
const RETRYABLE_CODES = new Set([UNIQUE_VIOLATION, "40001", "40P01", "55P03"]);

/** Whether the same statements may succeed on a second try, because they only met another transaction. */
export function isConflict(error: unknown): boolean {
  return (
    error instanceof ConflictFailure || (error instanceof postgres.PostgresError && RETRYABLE_CODES.has(error.code))
  );
}

/** Whether the data itself cannot be stored, however often it is tried. Source: PostgreSQL, appendix A, SQLSTATE classes 22 and 23. */
export function isDataFault(error: unknown): boolean {
  if (!(error instanceof postgres.PostgresError) || error.code === UNIQUE_VIOLATION) return false;
  return error.code.startsWith(DATA_EXCEPTION_CLASS) || error.code.startsWith(INTEGRITY_VIOLATION_CLASS);
}

const CONFLICT_RETRIES_MAX = 10;

/** Runs a transaction again where it met another one. */
export async function retryOnConflict<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (attempt >= CONFLICT_RETRIES_MAX || !isConflict(error)) throw error;
    }
  }
}
