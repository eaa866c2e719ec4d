import type Driver from "postgres";
import { Failure } from "@turno/runtime";
import { postgres } from "./line/driver.ts";

/** A partition of the log now belongs to another reader. Nothing of the batch was kept; seek the lease again. */
export class LeaseLostFailure extends Failure {}

/** Somebody else changed the same rows first. Nothing was kept; make the same call again at once. */
export class ConflictFailure extends Failure {}

/** Postgres did not answer, or the connection broke: the call may or may not have taken effect. */
export class ConnectionFailure extends Failure {}

/**
 * Postgres refused a statement, or the driver got no answer, for a reason outside our code: another transaction, the
 * server's state, or the data. The cause is the error that was thrown.
 */
export class StatementFailure extends Failure {
  override readonly retryable: boolean;
  /** The SQLSTATE, or the code of the driver or the system; empty if there is none. */
  readonly code: string;

  constructor(message: string, details: { code: string; retryable: boolean; cause: unknown }) {
    super(message, { cause: details.cause });
    this.code = details.code;
    this.retryable = details.retryable;
  }
}

/** The driver's codes for a connection that ended in order, without an error of its socket. */
const CLOSED_CODES = new Set(["CONNECTION_CLOSED", "CONNECTION_ENDED", "CONNECTION_DESTROYED", "CONNECT_TIMEOUT"]);
/** After an error of these severities the server closes the connection. Source: PostgreSQL, "Message Severity Levels". */
const CLOSING_SEVERITIES = new Set(["FATAL", "PANIC"]);
const READ_ONLY = "25006";
/** Sources: PostgreSQL, appendix A, SQLSTATE classes 08, 53 and 57P: no connection, no resources, the server's own end. */
const UNREACHABLE = /^(08(?!P01)|53|57P)/;

/** Returns what the driver threw. A call on our pools throws it as the cause of a `StatementFailure`. */
function thrownBy(error: unknown): unknown {
  return error instanceof StatementFailure ? error.cause : error;
}

function postgresErrorOf(error: unknown): Driver.PostgresError | null {
  const thrown = thrownBy(error);
  return thrown instanceof postgres.PostgresError ? thrown : null;
}

/** Returns whether the connection on which this happened is gone, so that nothing may be sent on it. */
export function isConnectionClosing(error: unknown): boolean {
  if (error instanceof ConnectionFailure) return true;
  const thrown = thrownBy(error);
  if (!(thrown instanceof Error)) return false;
  const { code = "", severity = "", syscall } = thrown as { code?: string; severity?: string; syscall?: string };
  return CLOSED_CODES.has(code) || CLOSING_SEVERITIES.has(severity) || syscall !== undefined;
}

/** Returns whether the database takes no changes: a standby, or one made read-only. */
export function isReadOnly(error: unknown): boolean {
  return postgresErrorOf(error)?.code === READ_ONLY;
}

/** Returns whether the database does not let the role in, or lets it do less. Source: PostgreSQL, appendix A. */
export function isForbidden(error: unknown): boolean {
  return /^(28|42501)/.test(postgresErrorOf(error)?.code ?? "");
}

/** Returns whether the same call may succeed when the database is reachable again and takes changes. */
export function isDatabaseAway(error: unknown): boolean {
  const refused = postgresErrorOf(error);
  if (refused !== null) return UNREACHABLE.test(refused.code) || refused.code === READ_ONLY;
  return isConnectionClosing(error);
}

const INTEGRITY_VIOLATION_CLASS = "23";
const DATA_EXCEPTION_CLASS = "22";
const UNIQUE_VIOLATION = "23505";
const RETRYABLE_CODES = new Set([UNIQUE_VIOLATION, "40001", "40P01", "55P03"]);

/** Returns whether the same statements may succeed on a second try, because they only met another transaction. */
export function isConflict(error: unknown): boolean {
  return error instanceof ConflictFailure || RETRYABLE_CODES.has(postgresErrorOf(error)?.code ?? "");
}

/**
 * Returns whether the data itself cannot be stored, however often it is tried. Source: PostgreSQL, appendix A, SQLSTATE
 * classes 22 and 23.
 */
export function isDataFault(error: unknown): boolean {
  const code = postgresErrorOf(error)?.code ?? UNIQUE_VIOLATION;
  if (code === UNIQUE_VIOLATION) return false;
  return code.startsWith(DATA_EXCEPTION_CLASS) || code.startsWith(INTEGRITY_VIOLATION_CLASS);
}

/**
 * Errors that come from the server's own state: it ended a statement after its time, met another user of an object,
 * cannot read its disk, is out of order, or lacks a right. Source: PostgreSQL, appendix A.
 */
const OF_SERVER = /^(40|55006|57|58|72|XX|42501)/;

/**
 * Turns what the driver threw into a failure if the world or the data is at fault: a conflict, a database that is away,
 * data that cannot be stored. Anything else, such as a statement that Postgres does not understand, stays a defect.
 */
export function toFailure(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof Failure) return error;
  const { code = "" } = error as { code?: string };
  const isOfServer = error instanceof postgres.PostgresError && OF_SERVER.test(code);
  const isPassing = isConflict(error) || isDatabaseAway(error) || isConnectionClosing(error) || isOfServer;
  if (!isPassing && !isDataFault(error)) return error;
  // Where several addresses were tried in vain, the error has a code and no words.
  return new StatementFailure(error.message || code, { code, retryable: isPassing, cause: error });
}

const BROKEN_RULES = {
  "23503": "missing-reference",
  [UNIQUE_VIOLATION]: "taken",
  "21000": "named-twice",
} as const;

/** Returns which rule of the tables the rows break, with Postgres' words; null for an error of another kind. */
export function brokenRuleOf(
  error: unknown,
): { rule: (typeof BROKEN_RULES)[keyof typeof BROKEN_RULES]; detail: string } | null {
  const refused = postgresErrorOf(error);
  if (refused === null || !(refused.code in BROKEN_RULES)) return null;
  return { rule: BROKEN_RULES[refused.code as keyof typeof BROKEN_RULES], detail: refused.detail ?? refused.message };
}

const CONFLICT_ATTEMPTS_MAX = 10;

/** Runs a transaction again if it met another one. */
export async function retryOnConflict<T>(run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (attempt >= CONFLICT_ATTEMPTS_MAX || !isConflict(error)) throw error;
    }
  }
}
