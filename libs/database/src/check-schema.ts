import type Driver from "postgres";
import { Failure } from "@turno/runtime";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isForbidden } from "./failure.ts";
import { postgres } from "./line/driver.ts";
import { refusePooler } from "./line/refuse-pooler.ts";

export const MIGRATIONS_FOLDER = fileURLToPath(new URL("../migrations", import.meta.url));

/** This release cannot work on the database's schema, and trying again does not help. */
export class SchemaFailure extends Failure {
  override readonly retryable = false;
}

/** The migrator of this release has not been here yet. */
export class SchemaBehindFailure extends Failure {}

/** A session of its own, without the settings of a service's. */
export const openSession = (url: string, role?: string): Driver.Sql =>
  postgres(url, {
    max: 1,
    fetch_types: false,
    onnotice: () => undefined,
    connect_timeout: 10,
    ...(role === undefined ? {} : { connection: { role } }),
  });

/**
 * Throws a `SchemaBehindFailure` while the database lacks a migration of this release, or the rights of this role, and a
 * `SchemaFailure` if this release cannot work on what it finds.
 */
export async function checkSchema(url: string): Promise<void> {
  const sql = openSession(url);
  try {
    await refusePooler(url);
    const missing = await readMissing(sql, MIGRATIONS_FOLDER);
    if (missing.length === 0) return;
    throw new SchemaBehindFailure(
      `it lacks ${missing.length === 1 ? "the migration" : `${missing.length} migrations, the first of them`} ${missing[0]}: ` +
        "run this release's migrator",
    );
  } catch (error) {
    if (!isForbidden(error)) throw error;
    const said = (error as Error).message;
    throw new SchemaBehindFailure(
      `it does not let this role in (${said}): run this release's migrator, which sets the password and the rights of each role`,
      { cause: error },
    );
  } finally {
    await sql.end();
  }
}

/** Returns the names of the migrations that the database lacks, oldest first. Throws a `SchemaFailure` as said above. */
export async function readMissing(sql: Driver.Sql, folder: string): Promise<string[]> {
  const known = await readKnown(folder);
  const applied = await readApplied(sql);
  if (applied.some((hash, index) => index < known.length && hash !== known[index]?.hash)) {
    throw new SchemaFailure(
      "the database was made by another Turno, from before its first release, and cannot be brought to this one's schema: " +
        "remove the local stack's data folder (.turno, or the one that npm start names), or give DATABASE_URL a new, empty database",
    );
  }
  if (applied.length > known.length) await assertServesOlder(sql, known.length);
  return known.slice(applied.length).map(({ tag }) => tag);
}

/** Returns the migrations that this release knows, oldest first, with their hashes as Drizzle computes them. */
async function readKnown(folder: string): Promise<{ tag: string; hash: string }[]> {
  const journal = JSON.parse(await readFile(join(folder, "meta", "_journal.json"), "utf8")) as {
    entries: { tag: string }[];
  };
  return Promise.all(
    journal.entries.map(async ({ tag }) => {
      const file = await readFile(join(folder, `${tag}.sql`));
      return { tag, hash: createHash("sha256").update(file).digest("hex") };
    }),
  );
}

/** Returns the hashes of the migrations that were applied, oldest first. */
async function readApplied(sql: Driver.Sql): Promise<string[]> {
  const [table] = await sql<[{ name: string | null }]>`
    select to_regclass('drizzle.__drizzle_migrations')::text as name`;
  if (table.name === null) return [];
  const rows = await sql<{ hash: string }[]>`select hash from drizzle.__drizzle_migrations order by created_at, id`;
  return rows.map(({ hash }) => hash);
}

/** A migration that takes something away says, by `turno_migrations_min`, how many migrations code must know from then on. */
async function assertServesOlder(sql: Driver.Sql, known: number): Promise<void> {
  const [{ least }] = await sql<[{ least: number }]>`select turno_migrations_min() as least`;
  if (known >= least) return;
  throw new SchemaFailure(
    `the database was changed by a newer Turno and no longer has what this release needs (it knows ${known} migrations, ` +
      `${least} are needed): run the newer release`,
  );
}
