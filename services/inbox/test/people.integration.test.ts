import { connectToDatabase, typed } from "@turno/database";
import { agents, groups } from "@turno/database/schema";
import { createTestDatabase, stageAgent, stageId } from "@turno/testing";
import { expect, it, onTestFinished } from "vitest";
import { listPeople } from "../src/lists/list-people.ts";
import { listReceivers } from "../src/lists/list-receivers.ts";

it("people and receiving groups are listed by name, with nothing more than is shown of them", async () => {
  const database = await createTestDatabase();
  const sql = connectToDatabase(database.url, { connectionsMax: 1, name: "test" });
  onTestFinished(async () => {
    await sql.end({ timeout: 1 });
    await database.drop();
  });
  await typed(sql)
    .insert(agents)
    .values([
      { id: stageAgent(0), name: "Bea", role: "admin", capacity: 4 },
      { id: stageAgent(1), name: "Ana", role: "agent" },
    ]);
  await typed(sql)
    .insert(groups)
    .values([
      { id: stageId(1, 2), name: "Sales", distribution: "manual" },
      { id: stageId(1, 1), name: "Sales", distribution: "automatic" },
      { id: stageId(1, 3), name: "Care", distribution: "manual" },
    ]);
  expect(await listPeople(sql)).toEqual([
    { id: stageAgent(1), name: "Ana", role: "agent" },
    { id: stageAgent(0), name: "Bea", role: "admin" },
  ]);
  expect(await listReceivers(sql, { kind: "service", name: "developer", groupIds: "all" })).toEqual({
    groups: [
      { id: stageId(1, 3), name: "Care" },
      { id: stageId(1, 1), name: "Sales" },
      { id: stageId(1, 2), name: "Sales" },
    ],
  });
});
