import { connectToDatabase, type Sql } from "@turno/database";
import { createIdSource } from "@turno/runtime";
import {
  createTestDatabase,
  STAGE_GROUP,
  stageAgent,
  stageId,
  toLine,
  waitFor,
  type TestDatabase,
} from "@turno/testing";
import { interpretLine } from "@turno/whatsapp";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { assignQueued } from "../src/assignment/assign-queued.ts";
import { applyInbound } from "../src/inbound/apply-inbound.ts";

const createId = createIdSource();
const AGENT = stageAgent(0);

let database: TestDatabase;
let sql: Sql;
beforeEach(async () => {
  database = await createTestDatabase();
  sql = connectToDatabase(database.url, { connectionsMax: 3, name: "rotation" });
  await sql`insert into groups (id, name, distribution) values (${STAGE_GROUP}, 'Support', 'automatic')`;
  await sql`
    insert into agents (id, name, role, availability, capacity, present_until)
    values (${AGENT}, 'Agent', 'agent', 'available', 1, now() + interval '1 hour')`;
  await sql`insert into group_members (group_id, agent_id) values (${STAGE_GROUP}, ${AGENT})`;
  await sql`
    insert into channels (id, phone_number_id, account_id, name, group_id)
    values (${stageId(3)}, '123', '100', 'Main', ${STAGE_GROUP})`;
});
afterEach(async () => {
  await sql.end({ timeout: 1 });
  await database.drop();
});

async function write(user: string): Promise<void> {
  const items = [interpretLine(toLine({ id: user, userId: `US.${user}` }).json)];
  await applyInbound(sql, { reader: null, moves: [], items, createId });
}

async function isInRotation(): Promise<boolean | undefined> {
  const [row] = await sql<{ isInRotation: boolean }[]>`select is_in_rotation as "isInRotation" from group_members`;
  return row?.isInRotation;
}

const countWaiting = async () => (await sql`select from conversations where state = 'queued'`).length;

describe("a member that was met while it could not be given anything", () => {
  it.each([
    [
      "is away, and becomes available",
      "update agents set availability = 'away'",
      "update agents set availability = 'available'",
    ],
    ["is full, and ends a conversation", "update agents set active_count = 1", "update agents set active_count = 0"],
    ["is full, and may have more", "update agents set active_count = 1", "update agents set capacity = 2"],
    ["is full, and may have any number", "update agents set active_count = 1", "update agents set capacity = null"],
    [
      "is absent, and is there again",
      "update agents set present_until = now() - interval '1 hour'; update groups set needs_presence = true",
      "update agents set present_until = now() + interval '1 hour'",
    ],
    [
      "is absent, in a group that does not ask for presence any more",
      "update agents set present_until = null; update groups set needs_presence = true",
      "update groups set needs_presence = false",
    ],
    [
      "is away, full and absent, and all of that ends",
      "update agents set availability = 'away', active_count = 1, present_until = null; update groups set needs_presence = true",
      `update agents set present_until = now() + interval '1 hour'; update agents set active_count = 0;
       update agents set availability = 'available'`,
    ],
  ])("%s: it rests until then, and gets what waits after it", async (_, spoil, cure) => {
    await sql.unsafe(spoil);
    await write("a");
    expect({ is: await isInRotation(), waiting: await countWaiting() }).toEqual({ is: false, waiting: 1 });
    // What does not make it eligible leaves it where it is.
    await sql`update agents set name = 'Renamed', sequence = sequence + 1`;
    await assignQueued(sql, STAGE_GROUP, createId);
    expect(await isInRotation()).toBe(false);
    await sql.unsafe(cure);
    expect(await isInRotation()).toBe(true);
    await assignQueued(sql, STAGE_GROUP, createId);
    expect(await countWaiting()).toBe(0);
  });

  it("rests at once where it becomes full by its turn, and is back with the first conversation that ends", async () => {
    await write("a");
    expect({ is: await isInRotation(), waiting: await countWaiting() }).toEqual({ is: false, waiting: 0 });
    await sql`update agents set active_count = 0`;
    expect(await isInRotation()).toBe(true);
  });

  it("does not rest where its place gets free at that moment: the transaction that frees it is not waited for", async () => {
    await sql`update agents set active_count = 1`;
    await sql.begin(async (tx) => {
      await tx`update agents set active_count = 0`;
      // It is full still for all others, and its row is locked.
      await write("a");
      expect(await assignQueued(sql, STAGE_GROUP, createId)).toMatchObject({ assigned: 0 });
    });
    expect({ is: await isInRotation(), waiting: await countWaiting() }).toEqual({ is: true, waiting: 1 });
    expect(await assignQueued(sql, STAGE_GROUP, createId)).toMatchObject({ assigned: 1 });
  });
});

describe("an agent that is chosen", () => {
  it.each([
    ["gets full", "active_count = 1"],
    ["goes away", "availability = 'away'"],
  ])("and %s before it is locked gets nothing: the one who is next then does", async (_, change) => {
    const other = stageAgent(1);
    await sql`insert into agents (id, name, role, availability) values (${other}, 'Other', 'agent', 'away')`;
    await sql`insert into group_members (group_id, agent_id, last_turn) values (${STAGE_GROUP}, ${other}, 5)`;
    await sql`update agents set active_count = 1 where id = ${AGENT}`;
    await write("a");
    await sql`update agents set active_count = 0, availability = 'available'`;
    const given = await sql.begin(async (tx) => {
      await tx.unsafe(`update agents set ${change} where id = '${AGENT}'`);
      const assigning = assignQueued(sql, STAGE_GROUP, createId);
      await waitFor(
        async () =>
          (await sql`select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`)
            .length === 1,
        { what: "the chosen agent is waited for" },
      );
      return () => assigning;
    });
    expect(await given()).toMatchObject({ assigned: 1 });
    expect(await sql`select agent_id as "agentId" from assignments`).toEqual([{ agentId: other }]);
    expect(await sql`select id from agents where active_count > coalesce(capacity, 100)`).toEqual([]);
  });
});
