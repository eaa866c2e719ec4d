import { DATABASE_SERVICES, roleOf, type DatabaseService } from "@turno/database";
import { developmentAddress } from "@turno/database/development-roles";
import { randomUUID } from "node:crypto";
import postgres from "postgres";
import { auditEvents } from "./event-audit.ts";
import { TEMPLATE_DATABASE, testDatabaseUrl } from "./test-run.ts";

export interface TestDatabase {
  url: string;
  /** Where a service reaches it, by its role. */
  urlOf: (service: DatabaseService) => string;
  /**
   * Empties it for a file's next test, while services go on with it: what readers and relay know of the logs stays, and these
   * tables. Fails as `drop` does. What is written to the outbox must have been published.
   */
  empty: (lasting: readonly string[]) => Promise<void>;
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

/** What the services know of the logs, and of the database itself. */
const LASTING = [
  "event_readers",
  "relay_state",
  "relay_marks",
  "log_readers",
  "log_positions",
  "database_timeline",
  "server_run",
];

const DEADLOCK = "40P01";
const TRIES_MAX = 10;

/**
 * One statement, so that no service sees a part of it. It waits for those that are in a transaction, and begins again where
 * one of them waits for it.
 */
async function truncateAll(sql: postgres.Sql, lasting: readonly string[]): Promise<void> {
  const tables = await sql<{ name: string }[]>`
    select tablename as name from pg_tables where schemaname = 'public' and tablename <> all(${lasting as string[]})`;
  for (let tries = 1; ; tries++) {
    try {
      await sql`truncate ${sql(tables.map(({ name }) => name))} restart identity`;
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== DEADLOCK || tries === TRIES_MAX) throw error;
    }
  }
}

/** Roles are the server's, so those that a migration made of a database outlive it. */
export async function dropRoles(sql: postgres.Sql, database: string): Promise<void> {
  const roles = [...DATABASE_SERVICES, "owner" as const].map((who) => roleOf(database, who));
  for (const role of roles) await sql`drop role if exists ${sql(role)}`;
}

async function cloneDatabase(template: string): Promise<TestDatabase> {
  const serverUrl = testDatabaseUrl();
  const name = `${TEST_DATABASE_PREFIX}${randomUUID().replaceAll("-", "")}`;
  await onServer(serverUrl, (sql) => sql`create database ${sql(name)} template ${sql(template)}`);
  const url = urlOfDatabase(serverUrl, name);
  const audit = async () => {
    const faults = await onServer(url, auditEvents);
    if (faults.length > 0) throw new Error(`events are not what their contracts say:\n${faults.join("\n")}`);
  };
  return {
    url,
    urlOf: (service) => developmentAddress(url, service, TEMPLATE_DATABASE),
    empty: async (lasting) => {
      await audit();
      await onServer(url, (sql) => truncateAll(sql, [...LASTING, ...lasting]));
    },
    drop: async ({ areEventsMadeUp } = { areEventsMadeUp: false }) => {
      try {
        if (!areEventsMadeUp) await audit();
      } finally {
        await onServer(serverUrl, async (sql) => {
          await sql`drop database ${sql(name)} with (force)`;
          if (template !== TEMPLATE_DATABASE) await dropRoles(sql, name);
        });
      }
    },
  };
}
