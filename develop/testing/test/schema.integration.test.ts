import { describeSchema } from "@turno/database/describe-schema";
import postgres from "postgres";
import { afterEach, expect, it } from "vitest";
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from "../src/index.ts";
import { readSource } from "./repository.ts";

const written = readSource("libs/database/schema.sql");

const open: { database: TestDatabase; sql: postgres.Sql }[] = [];
afterEach(async () => {
  for (const { database, sql } of open.splice(0)) {
    await sql.end();
    await database.drop();
  }
});

function connect(database: TestDatabase): postgres.Sql {
  const sql = postgres(database.url, { max: 1, onnotice: () => undefined });
  open.push({ database, sql });
  return sql;
}

it("schema.sql says what a migrated database holds (npm run schema -w @turno/database writes it)", async () => {
  const migrated = connect(await createTestDatabase());
  expect(written).toBe(await describeSchema(migrated));
});

it("leaves nothing out: schema.sql makes the same database as the migrations", async () => {
  const made = connect(await createEmptyDatabase());
  await made.unsafe(written);
  expect(await describeSchema(made)).toBe(written);
});
