import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * What the global setup hands to the test workers, by environment: the database server's address and the run's
 * folder. Everything a test starts keeps a trace in that folder until it is stopped; a trace that is still there at
 * the end of the run fails it.
 */
const DATABASE_KEY = "TURNO_TEST_DATABASE_URL";
const FOLDER_KEY = "TURNO_TEST_FOLDER";

export const TEMPLATE_DATABASE = "turno_template";

function read(key: string): string {
  const value = process.env[key];
  if (value === undefined) throw new Error(`${key} is not set: run this test in the vitest project "integration"`);
  return value;
}

export function publishTestRun(run: { databaseUrl: string; folder: string }): void {
  process.env[DATABASE_KEY] = run.databaseUrl;
  process.env[FOLDER_KEY] = run.folder;
}

export function testDatabaseUrl(): string {
  return read(DATABASE_KEY);
}

const TRACE_PREFIX = "open-";

/** A folder for what a test starts; removing it says that it was stopped. */
export function openTestFolder(name: string): Promise<string> {
  return mkdtemp(join(read(FOLDER_KEY), `${TRACE_PREFIX}${name}-`));
}

/** Notes something a test started that has no folder; the function it gives says that it was stopped. */
export async function noteStarted(name: string): Promise<() => Promise<void>> {
  const trace = join(read(FOLDER_KEY), `${TRACE_PREFIX}${name}`);
  await writeFile(trace, "");
  return () => rm(trace, { force: true });
}

const LOGS = "logs";

/** Where all services of the run log, until its end. */
export const logFolder = (folder: string): string => join(folder, LOGS);

/** A file for the log of one service of this run. */
export const openLog = (name: string): string => join(logFolder(read(FOLDER_KEY)), `${name}-${randomUUID()}.log`);

/** Where the bundle of a service lies. */
export const bundledService = (folder: string, name: string): string => join(folder, `${name}.bundle.mjs`);

/** What a test runs of a service. */
export const testedService = (name: string): string => bundledService(read(FOLDER_KEY), name);

/** What tests of this run started and did not stop. */
export async function listLeftOver(folder: string): Promise<string[]> {
  return (await readdir(folder))
    .filter((name) => name.startsWith(TRACE_PREFIX))
    .map((name) => name.slice(TRACE_PREFIX.length));
}
