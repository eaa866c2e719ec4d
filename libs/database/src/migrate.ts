import type Driver from "postgres";
import { Failure } from "@turno/runtime";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ADVISORY_LOCKS } from "./advisory-locks.ts";
import { loadMigrator } from "../schema/drizzle.ts";
import { refusePooler } from "./line/refuse-pooler.ts";
import { postgres } from "./line/driver.ts";

const MIGRATIONS_FOLDER = fileURLToPath(new URL("../migrations", import.meta.url));

/** This release cannot work on the database's schema, and trying again does not help. */
export class SchemaFailure extends Failure {
  override readonly retryable = false;
}

/**
 * Brings the schema to this version. Any number of services may call it at once: one migrates, the others wait. It
 * leaves a newer schema as it is, because a migration keeps what the last release needs. Throws a `SchemaFailure` if
 * this release cannot work on what it finds.
 */
export async function migrateDatabase(url: string, migrationsFolder = MIGRATIONS_FOLDER): Promise<void> {
  await refusePooler(url);
  const sql = postgres(url, { max: 1, fetch_types: false, onnotice: () => undefined, connect_timeout: 10 });
  try {
    await sql`select pg_advisory_lock(${ADVISORY_LOCKS.migration})`;
    const known = await readKnown(migrationsFolder);
    const applied = await readApplied(sql);
    if (applied.some((hash, index) => index < known.length && hash !== known[index])) {
      throw new SchemaFailure(
        "the database was made by another Turno, from before its first release, and cannot be brought to this one's schema: " +
          "remove the local stack's data folder (.turno, or the one that npm start names), or give DATABASE_URL a new, empty database",
      );
    }
    if (applied.length > known.length) return await assertServesOlder(sql, known.length);
    if (applied.length < known.length) await applyMissing(sql, migrationsFolder);
  } finally {
    await sql.end();
  }
}

/** Returns the hashes of the migrations that this release knows, oldest first, as Drizzle computes them. */
async function readKnown(folder: string): Promise<string[]> {
  const journal = JSON.parse(await readFile(join(folder, "meta", "_journal.json"), "utf8")) as {
    entries: { tag: string }[];
  };
  const files = await Promise.all(journal.entries.map(({ tag }) => readFile(join(folder, `${tag}.sql`))));
  return files.map((file) => createHash("sha256").update(file).digest("hex"));
}

/** Drizzle's driver replaces serializers of the client that it wraps, which is closed after this. */
async function applyMissing(sql: Driver.Sql, migrationsFolder: string): Promise<void> {
  const { drizzle, migrate } = loadMigrator();
  await migrate(drizzle(sql), { migrationsFolder });
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
