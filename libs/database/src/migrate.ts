import type Driver from "postgres";
import { ADVISORY_LOCKS } from "./advisory-locks.ts";
import { loadMigrator } from "../schema/drizzle.ts";
import { MIGRATIONS_FOLDER, openSession, readMissing } from "./check-schema.ts";
import { refusePooler } from "./line/refuse-pooler.ts";
import { letServicesIn, openOwner, type RolePasswords } from "./roles.ts";

export interface MigrationOptions {
  /** Of the services' roles, which get their rights too. Without them only the owner and who made it are let in. */
  passwords?: RolePasswords;
  migrationsFolder?: string;
}

/**
 * Brings the schema to this version, as a role that owns it and may do nothing else, and gives each service its role with
 * the rights of `TABLE_RIGHTS`. `url` is that of somebody who may create roles and who made the database. Any number may
 * call it at once: one works, the others wait. It leaves a newer schema as it is, because a migration keeps what the last
 * release needs. Throws a `SchemaFailure` if this release cannot work on what it finds.
 */
export async function migrateDatabase(url: string, options: MigrationOptions = {}): Promise<void> {
  const { passwords, migrationsFolder = MIGRATIONS_FOLDER } = options;
  await refusePooler(url);
  const sql = openSession(url);
  try {
    await sql`select pg_advisory_lock(${ADVISORY_LOCKS.migration})`;
    const owner = await openOwner(sql);
    const owned = openSession(url, owner);
    try {
      if ((await readMissing(owned, migrationsFolder)).length > 0) await applyMissing(owned, migrationsFolder);
    } finally {
      await owned.end();
    }
    if (passwords !== undefined) await letServicesIn(sql, passwords);
  } finally {
    await sql.end();
  }
}

/** Drizzle's driver replaces serializers of the client that it wraps, which is closed after this. */
async function applyMissing(sql: Driver.Sql, migrationsFolder: string): Promise<void> {
  const { drizzle, migrate } = loadMigrator();
  await migrate(drizzle(sql), { migrationsFolder });
}
