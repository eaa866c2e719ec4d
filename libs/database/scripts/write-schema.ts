import { startPostgres } from "@turno/servers";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { migrateDatabase } from "../src/migrate.ts";
import { describeSchema } from "./describe-schema.ts";

const folder = await mkdtemp(join(tmpdir(), "turno-schema-"));
// Root's Postgres runs as another user, who must be able to enter.
await chmod(folder, 0o755);
const server = await startPostgres({ dataDir: join(folder, "postgres") });
const sql = postgres(server.url, { max: 1 });
try {
  await migrateDatabase(server.url);
  await writeFile(new URL("../schema.sql", import.meta.url), await describeSchema(sql));
} finally {
  await sql.end();
  await server.stop();
  await rm(folder, { recursive: true });
}
