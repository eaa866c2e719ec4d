import { setTimeout as pause } from "node:timers/promises";
import type { Sql } from "../connection.ts";

/** The state of the database, asked for now and again. */
export interface DatabaseWatch {
  /** Why nothing takes effect, and since when, in one sentence for an operator; null if all is well. */
  readonly obstacle: string | null;
  stop(): Promise<void>;
}

const ASK_EVERY_MS = 2_000;
/** An answer that takes this long is reported, long before its connection is given up. */
const SLOW_MS = 4_000;

/**
 * Asks the database again and again whether it answers and takes changes, so that readiness need not. It replaces
 * sessions on a read-only database, because another server may now stand behind the address.
 */
export function watchDatabase(sql: Sql, onChange: (obstacle: string | null) => void = () => undefined): DatabaseWatch {
  const stopping = new AbortController();
  let trouble: { what: string; since: Date } | null = null;
  let wellAt = new Date();
  let askedAt = performance.now();
  let isAsking = false;
  const note = (what: string | null) => {
    if (what === (trouble?.what ?? null)) return;
    const had = trouble;
    trouble = what === null ? null : { what, since: had?.since ?? wellAt };
    onChange(describe());
  };
  const describe = () => {
    if (trouble !== null) return `since ${trouble.since.toISOString()} nothing takes effect: ${trouble.what}`;
    if (!isAsking || performance.now() - askedAt < SLOW_MS) return null;
    return `since ${wellAt.toISOString()} nothing takes effect: the database does not answer`;
  };
  const ask = async () => {
    askedAt = performance.now();
    isAsking = true;
    try {
      const [row] = await sql<{ isStandby: boolean; isReadOnly: boolean }[]>`
        select pg_is_in_recovery() as "isStandby", current_setting('transaction_read_only')::boolean as "isReadOnly"`;
      if (row?.isStandby === true) note("DATABASE_URL leads to a standby, which takes no changes");
      else if (row?.isReadOnly === true) note("the database is read-only");
      else note(null);
      if (trouble === null) wellAt = new Date();
      else sql.replaceSessions(trouble.what);
    } catch (error) {
      note(`the database does not answer (${causeOf(error)})`);
    } finally {
      isAsking = false;
    }
  };
  const run = async () => {
    while (!stopping.signal.aborted) {
      await ask();
      await pause(ASK_EVERY_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const running = run();
  return {
    get obstacle() {
      return describe();
    },
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

/** Returns a failure's own words. A socket's name its code, and never an address with a password. */
export function causeOf(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  return message === undefined || message === "" ? (code ?? String(error)) : message;
}
