import { randomUUID } from "node:crypto";
import postgres from "postgres";
import { auditEvents } from "./event-audit.ts";
import { TEMPLATE_DATABASE, testDatabaseUrl } from "./test-run.ts";

export interface TestDatabase {
  url: string;
  /**
   * Removes it, and ends every connection that is still open. Fails where an event in it is not what its contract says, unless
   * the test has made its events up.
   */
  drop: (options?: { areEventsMadeUp: boolean }) => Promise<void>;
}

export const TEST_DATABASE_PREFIX = "turno_test_";

export function urlOfDatabase(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}

export async function onServer<T>(serverUrl: string, work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(serverUrl, { max: 1, onnotice: () => undefined });
  try {
    return await work(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** A migrated, empty database of its own for a test, cloned from the template. */
export const createTestDatabase = (): Promise<TestDatabase> => cloneDatabase(TEMPLATE_DATABASE);

/** A database of its own for a test that has no schema yet. */
export const createEmptyDatabase = (): Promise<TestDatabase> => cloneDatabase("template0");

async function cloneDatabase(template: string): Promise<TestDatabase> {
  const serverUrl = testDatabaseUrl();
  const name = `${TEST_DATABASE_PREFIX}${randomUUID().replaceAll("-", "")}`;
  await onServer(serverUrl, (sql) => sql`create database ${sql(name)} template ${sql(template)}`);
  const url = urlOfDatabase(serverUrl, name);
  return {
    url,
    drop: async ({ areEventsMadeUp } = { areEventsMadeUp: false }) => {
      try {
        const faults = areEventsMadeUp ? [] : await onServer(url, auditEvents);
        if (faults.length > 0) throw new Error(`events are not what their contracts say:\n${faults.join("\n")}`);
      } finally {
        await onServer(serverUrl, (sql) => sql`drop database ${sql(name)} with (force)`);
      }
    },
  };
}
