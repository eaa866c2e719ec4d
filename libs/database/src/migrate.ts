import { drizzle } from "drizzle-orm/postgres-js";
import { migrate } from "drizzle-orm/postgres-js/migrator";
import { fileURLToPath } from "node:url";
import postgres from "postgres";
import { refusePooler } from "./line/refuse-pooler.ts";

const MIGRATIONS_FOLDER = fileURLToPath(new URL("../migrations", import.meta.url));

/** Any number that nothing else in the database uses as an advisory lock. */
const MIGRATION_LOCK = 7_286_101;

/** Brings the schema to this version. Any number of services may call it at once: one migrates, the others wait. */
export async function migrateDatabase(url: string): Promise<void> {
  await refusePooler(url);
  const sql = postgres(url, { max: 1, onnotice: () => undefined, connect_timeout: 10 });
  try {
    await sql`select pg_advisory_lock(${MIGRATION_LOCK})`;
    await migrate(drizzle(sql), { migrationsFolder: MIGRATIONS_FOLDER });
  } finally {
    await sql.end();
  }
}
