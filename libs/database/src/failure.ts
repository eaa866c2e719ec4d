import postgres from "postgres";

/** A partition of the log belongs to another reader by now: nothing of the batch was kept, the lease must be sought anew. */
export class LeaseLostFailure extends Error {
  readonly retryable = true;
}

/** Somebody else changed the same rows first: nothing was kept, the same call may be made again at once. */
export class ConflictFailure extends Error {
  readonly retryable = true;
}

/** Postgres did not answer, or the connection to it broke: what was asked may have happened or not. */
export class ConnectionFailure extends Error {
  readonly retryable = true;
}

/** What the driver calls a connection that ended in order, without an error of its socket. */
const CLOSED_CODES = new Set(["CONNECTION_CLOSED", "CONNECTION_ENDED", "CONNECTION_DESTROYED", "CONNECT_TIMEOUT"]);
/** After an error of these severities the server closes the connection. Source: PostgreSQL, "Message Severity Levels". */
const CLOSING_SEVERITIES = new Set(["FATAL", "PANIC"]);
const READ_ONLY = "25006";
/** Sources: PostgreSQL, appendix A, SQLSTATE classes 08, 53 and 57P: no connection, no resources, the server's own end. */
const UNREACHABLE = /^(08(?!P01)|53|57P)/;

/** Whether the connection on which this happened is gone, so that nothing may be sent on it any more. */
export function isConnectionClosing(error: unknown): boolean {
  if (error instanceof ConnectionFailure) return true;
  const { code = "", severity = "", syscall } = error as { code?: string; severity?: string; syscall?: string };
  return CLOSED_CODES.has(code) || CLOSING_SEVERITIES.has(severity) || syscall !== undefined;
}

/** Whether the database takes no changes: a standby, or one that was made read-only. */
export function isReadOnly(error: unknown): boolean {
  return error instanceof postgres.PostgresError && error.code === READ_ONLY;
}

/** Whether the same may succeed as soon as the database is reachable again and takes changes. */
export function isDatabaseAway(error: unknown): boolean {
  if (error instanceof postgres.PostgresError) return UNREACHABLE.test(error.code) || error.code === READ_ONLY;
  return isConnectionClosing(error);
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

const BROKEN_RULES = {
  "23503": "missing-reference",
  [UNIQUE_VIOLATION]: "taken",
  "21000": "named-twice",
} as const;

/** Which rule of the tables the given rows break, with what Postgres says of it; null where the error is of another kind. */
export function brokenRuleOf(
  error: unknown,
): { rule: (typeof BROKEN_RULES)[keyof typeof BROKEN_RULES]; detail: string } | null {
  if (!(error instanceof postgres.PostgresError) || !(error.code in BROKEN_RULES)) return null;
  return { rule: BROKEN_RULES[error.code as keyof typeof BROKEN_RULES], detail: error.detail ?? error.message };
}

const CONFLICT_ATTEMPTS_MAX = 10;

/** Runs a transaction again where it met another one. */
export async function retryOnConflict<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (attempt >= CONFLICT_ATTEMPTS_MAX || !isConflict(error)) throw error;
    }
  }
}
