import { connectToDatabase, type Sql } from "@turno/database";
import { createTestDatabase, stageId, type TestDatabase } from "@turno/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { listGroups, listQueue } from "../src/assignment/read-queues.ts";

const [GROUP, CONTACT, CHANNEL] = [stageId(1, 0), stageId(2), stageId(3)];
const DAY_MS = 86_400_000;

let database: TestDatabase;
let sql: Sql;
beforeEach(async () => {
  database = await createTestDatabase();
  sql = connectToDatabase(database.url, { connectionsMax: 2, name: "test" });
});
afterEach(async () => {
  await sql.end({ timeout: 1 });
  await database.drop();
});

describe("queues", () => {
  it("tell how long one waits, also where it is longer than 2^31 milliseconds", async () => {
    const queuedAt = new Date(Date.now() - 40 * DAY_MS);
    await sql`insert into groups (id, name, distribution) values (${GROUP}, 'G', 'manual')`;
    await sql`insert into channels (id, phone_number_id, name, group_id) values (${CHANNEL}, '1', 'C', ${GROUP})`;
    await sql`insert into contacts (id, created_at) values (${CONTACT}, now())`;
    await sql`
      insert into conversations (id, channel_id, contact_id, group_id, state, opened_at, queued_at, check_at, sequence)
      values (${CONTACT}, ${CHANNEL}, ${CONTACT}, ${GROUP}, 'queued', ${queuedAt}, ${queuedAt}, ${queuedAt}, 1)`;
    const actor = { kind: "service", name: "developer" } as const;
    const queue = await listQueue(sql, { actor, groupId: GROUP, limit: 10 });
    const groups = await listGroups(sql, { actor });
    if ("code" in queue || "code" in groups) throw new Error("a service may read queues");
    expect(queue.waiting[0]?.waitedMs).toBeGreaterThanOrEqual(40 * DAY_MS);
    expect(groups.groups[0]?.longestWaitMs).toBeGreaterThanOrEqual(40 * DAY_MS);
  });
});
