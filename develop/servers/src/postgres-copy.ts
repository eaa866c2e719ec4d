import { execFile } from "node:child_process";
import { chown, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import postgres from "postgres";
import { postgresUser } from "./system-user.ts";

/**
 * Copies the data folder of a running Postgres, as pg_basebackup does, which npm's package does not bring. A server started
 * on the copy goes on from the instant at which the copying ended; with `follows` it is a standby of that address.
 * Source: PostgreSQL, "Making a Base Backup Using the Low Level API", and "Standby Server Operation".
 */
export async function copyPostgres(
  url: string,
  folders: { from: string; to: string },
  follows: string | null = null,
): Promise<void> {
  const { from, to } = folders;
  const copy = (path: string) => promisify(execFile)("cp", ["-a", join(from, path), join(to, path)]);
  // Both functions on one session, which must stay open while the files are copied.
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    await sql`select pg_backup_start('turno', fast => true)`;
    // The log is copied last: it holds all that changed while the files were copied.
    await copy("");
    const [stop] = await sql<{ label: string }[]>`
      select labelfile as label from pg_backup_stop(wait_for_archive => false)`;
    await rm(join(to, "pg_wal"), { recursive: true });
    await copy("pg_wal");
    await write(join(to, "backup_label"), stop?.label ?? "");
    await rm(join(to, "postmaster.pid"), { force: true });
    if (follows !== null) await becomeStandby(to, follows);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

async function becomeStandby(folder: string, follows: string): Promise<void> {
  const { hostname, port, username, password } = new URL(follows);
  const primary = `host=${hostname} port=${port} user=${username} password=${password}`;
  await write(join(folder, "standby.signal"), "");
  await write(join(folder, "postgresql.auto.conf"), `primary_conninfo = '${primary}'\n`);
}

async function write(path: string, text: string): Promise<void> {
  const user = await postgresUser();
  await writeFile(path, text, { mode: 0o600 });
  if (user !== null) await chown(path, user.uid, user.gid);
}
