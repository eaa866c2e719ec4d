import { connectToDatabase, type Sql } from "@turno/database";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createTestDatabase, waitFor, type TestDatabase } from "../src/index.ts";

const ID = "018f0000-0000-7000-8000-0000000000a1";

let database: TestDatabase;
let sql: Sql;
beforeEach(async () => {
  database = await createTestDatabase();
  sql = connectToDatabase(database.url, { connectionsMax: 1, name: "types" });
});
afterEach(async () => {
  await sql.end({ timeout: 1 });
  await database.drop();
});

const roundTrip = () => sql`select ${[ID]}::uuid[] as ids, ${[1, 2]}::bigint[] as numbers, ${["a,b"]}::text[] as texts`;

it("a new connection of a pool knows the types without asking for them, so that a network which breaks then ends no process", async () => {
  const expected = [{ ids: [ID], numbers: [1, 2], texts: ["a,b"] }];
  expect(await roundTrip()).toEqual(expected);
  const [before] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
  await sql`select pg_terminate_backend(pg_backend_pid())`.catch(() => undefined);
  const isReplaced = async () => (await sql`select pg_backend_pid() as pid`)[0]?.["pid"] !== before?.pid;
  await waitFor(isReplaced, { what: "another session serves the pool" });
  expect(await roundTrip()).toEqual(expected);
  expect(sql.options.fetch_types).toBe(false);
});
