import { connectToDatabase, GROUPS_WAKE_UP, release, type Sql } from "@turno/database";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createTestDatabase, waitFor, type TestDatabase } from "../src/index.ts";

let database: TestDatabase;
let sql: Sql;
const [ANA, BRUNO] = [randomUUID(), randomUUID()];
const [FIRST, SECOND, OTHER] = [randomUUID(), randomUUID(), randomUUID()];

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connectToDatabase(database.url, { connectionsMax: 2, name: "test", statementMsMax: 60_000 });
  await sql`
    insert into groups (id, name, distribution)
    select id, id::text, 'automatic' from unnest(${[FIRST, SECOND, OTHER]}::uuid[]) as named(id)`;
  await sql`
    insert into agents (id, name, role, active_count)
    select id, 'Agent', 'agent', 3 from unnest(${[ANA, BRUNO]}::uuid[]) as named(id)`;
  await sql`
    insert into group_members (group_id, agent_id) values (${FIRST}, ${ANA}), (${SECOND}, ${ANA}), (${SECOND}, ${BRUNO})`;
});
afterAll(async () => {
  await sql.end({ timeout: 1 });
  await database.drop();
});

async function hold(agentId: string): Promise<string> {
  const conversationId = randomUUID();
  await sql`
    insert into assignments (id, conversation_id, group_id, agent_id, assigned_at, reason)
    values (${randomUUID()}, ${conversationId}, ${FIRST}, ${agentId}, now(), '{}')`;
  return conversationId;
}

const readLoads = () => sql`
  select active_count as load, (select count(*)::int from assignments where agent_id = agents.id and ended_at is null) as held
  from agents order by id = ${BRUNO}`;

it("frees a place for each conversation that was held, once, and wakes each group that may now give out, once", async () => {
  const woken: string[] = [];
  await sql.listen(GROUPS_WAKE_UP, (groupId) => void woken.push(groupId));
  const conversationIds = [await hold(ANA), await hold(ANA), await hold(BRUNO)];
  const waiting = randomUUID();
  const kept = await hold(BRUNO);
  const all = { conversationIds: [...conversationIds, waiting], queuedInGroupIds: [OTHER, SECOND] };
  await sql.begin((tx) => release(tx, all, new Date()));
  expect(await readLoads()).toEqual([
    { load: 1, held: 0 },
    { load: 2, held: 1 },
  ]);
  await waitFor(() => woken.length >= 3, { what: "three groups are woken" });
  expect(woken.toSorted()).toEqual([FIRST, SECOND, OTHER].toSorted());

  await sql.begin((tx) => release(tx, { conversationIds: all.conversationIds }, new Date()));
  await sql.begin((tx) => release(tx, { conversationIds: [] }, new Date()));
  await sql.begin((tx) => release(tx, { conversationIds: [kept] }, new Date()));
  expect(await readLoads()).toEqual([
    { load: 1, held: 0 },
    { load: 1, held: 0 },
  ]);
  // Notifications come in the order of their transactions: what was freed a second time would stand before the last one.
  await waitFor(() => woken.length >= 4, { what: "the group of the last one is woken" });
  expect(woken.slice(3)).toEqual([SECOND]);
});
