import { connectToDatabase, type Sql } from "@turno/database";
import { createIdSource } from "@turno/runtime";
import { createTestDatabase, type TestDatabase } from "@turno/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createBuiltInTicketStore } from "../src/tickets/built-in-store.ts";
import { TICKET_STORE_RULES } from "./ticket-store-conformance.ts";

const createId = createIdSource();

let database: TestDatabase;
let sql: Sql;
beforeEach(async () => {
  database = await createTestDatabase();
  sql = connectToDatabase(database.url, { connectionsMax: 4, name: "test" });
});
afterEach(async () => {
  await sql.end({ timeout: 1 });
  await database.drop();
});

describe("the built-in ticket store", () => {
  it.each(TICKET_STORE_RULES)("$name", async ({ expectHeld }) => {
    const requesterId = createId();
    await sql`insert into contacts (id, created_at) values (${requesterId}, now())`;
    await expectHeld(createBuiltInTicketStore(sql, createId), requesterId);
    expect(await sql`select from tickets`).not.toHaveLength(0);
  });
});
