import { migrateDatabase } from "@turno/database";
import { developmentPasswords } from "@turno/database/development-roles";
import { startPostgres, type RunningServer } from "@turno/servers";
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleServices } from "./bundle-services.ts";
import { auditLogs } from "./log-audit.ts";
import { dropRoles, onServer, TEST_DATABASE_PREFIX, urlOfDatabase } from "./test-database.ts";
import { listLeftOver, logFolder, publishTestRun, TEMPLATE_DATABASE } from "./test-run.ts";

interface TestRun {
  folder: string;
  databaseUrl: string;
  server: RunningServer | null;
}

let run: TestRun | null = null;

async function makeTemplate(serverUrl: string): Promise<void> {
  await onServer(serverUrl, async (sql) => {
    await sql`drop database if exists ${sql(TEMPLATE_DATABASE)} with (force)`;
    await sql`create database ${sql(TEMPLATE_DATABASE)}`;
  });
  const url = urlOfDatabase(serverUrl, TEMPLATE_DATABASE);
  await migrateDatabase(url, { passwords: developmentPasswords(url) });
}

/**
 * Starts a Postgres for the whole run (or takes the one of `DATABASE_URL`), migrates the template of all test databases
 * and bundles the services.
 */
export async function setup(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "turno-test-"));
  // Root's Postgres runs as another user, who must be able to enter.
  await chmod(folder, 0o755);
  await mkdir(logFolder(folder));
  const given = process.env["DATABASE_URL"];
  const server = given === undefined ? await startPostgres({ dataDir: join(folder, "postgres") }) : null;
  const databaseUrl = server?.url ?? given ?? "";
  run = { folder, databaseUrl, server };
  publishTestRun(run);
  await Promise.all([makeTemplate(databaseUrl), bundleServices(folder)]);
}

/** Stops it all. What tests left running fails the run, and so does a secret in a service's log. */
export async function teardown(): Promise<void> {
  if (run === null) return;
  const { folder, databaseUrl, server } = run;
  const leftOver = await listLeftOver(folder);
  const databases = await onServer(
    databaseUrl,
    (sql) =>
      sql<{ datname: string }[]>`select datname from pg_database where starts_with(datname, ${TEST_DATABASE_PREFIX})`,
  );
  if (server === null) {
    await onServer(databaseUrl, async (sql) => {
      await sql`drop database if exists ${sql(TEMPLATE_DATABASE)} with (force)`;
      await dropRoles(sql, TEMPLATE_DATABASE);
    });
  }
  await server?.stop();
  const secrets = await auditLogs(logFolder(folder));
  await rm(folder, { recursive: true, force: true });
  leftOver.push(...databases.map(({ datname }) => `database ${datname}`));
  if (leftOver.length > 0) throw new Error(`tests left behind: ${leftOver.join(", ")}`);
  if (secrets.length > 0) throw new Error(`logs hold what they must not:\n${secrets.join("\n")}`);
}
