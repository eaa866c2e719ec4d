import { randomUUID } from "node:crypto";
import postgres from "postgres";
import { TEMPLATE_DATABASE, testDatabaseUrl } from "./test-run.ts";

export interface TestDatabase {
  url: string;
  /** Removes it, cutting off whoever is still connected. */
  drop: () => Promise<void>;
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
  return {
    url: urlOfDatabase(serverUrl, name),
    drop: () => onServer(serverUrl, async (sql) => void (await sql`drop database ${sql(name)} with (force)`)),
  };
}
