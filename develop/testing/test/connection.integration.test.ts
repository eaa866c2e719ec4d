import { connectToDatabase } from "@turno/database";
import { expect, it } from "vitest";
import { createTestDatabase } from "../src/index.ts";

it("a connection has the planner's settings that our statements are written for", async () => {
  const database = await createTestDatabase();
  const sql = connectToDatabase(database.url, { connectionsMax: 1, name: "test" });
  const settings = ["jit", "enable_seqscan", "plan_cache_mode", "random_page_cost"];
  const rows = await sql`
    select name, setting from pg_settings where name = any(${settings}) order by name`;
  await sql.end({ timeout: 1 });
  await database.drop();
  expect(Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))).toEqual({
    enable_seqscan: "off",
    jit: "off",
    plan_cache_mode: "force_generic_plan",
    random_page_cost: "1.1",
  });
});
