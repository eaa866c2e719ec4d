import { connectToDatabase, type Sql } from "@turno/database";
import { createIdSource } from "@turno/runtime";
import {
  createTestDatabase,
  SERVICE_ACTOR,
  STAGE_GROUP,
  stageAgent,
  stageId,
  toLine,
  type TestDatabase,
} from "@turno/testing";
import { interpretLine } from "@turno/whatsapp";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { assignQueued } from "../src/assignment/assign-queued.ts";
import { listWaitingGroups } from "../src/assignment/list-waiting-groups.ts";
import { setAvailability } from "../src/assignment/set-availability.ts";
import { applyInbound } from "../src/inbound/apply-inbound.ts";

const createId = createIdSource();

/** A large case costs at most twice a small one, in pages of the database that are looked at: no load moves that figure. */
const RATIO_MAX = 2;

interface Size {
  agents: number;
  /** So many of the agents, those whose last turn is longest ago, are full. */
  full?: number;
  /** Every agent is a member of all of them; only the first has a channel. */
  groups?: number;
  waiting?: number;
}

interface World {
  sql: Sql;
  /** How many pages of its tables and indexes the database looks at for a piece of work. */
  pagesOf: (work: () => Promise<unknown>) => Promise<number>;
}

let databases: TestDatabase[] = [];
let connections: Sql[] = [];
beforeEach(() => {
  databases = [];
  connections = [];
});
afterEach(async () => {
  await Promise.all(connections.map((sql) => sql.end({ timeout: 1 })));
  await Promise.all(databases.map((database) => database.drop()));
});

const asJson = (rows: unknown) => JSON.stringify(rows);
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

async function createWorld({ agents, full = 0, groups = 1, waiting = 0 }: Size): Promise<World> {
  const database = await createTestDatabase();
  databases.push(database);
  const sql = connectToDatabase(database.url, { connectionsMax: 1, name: "size", statementMsMax: 60_000 });
  connections.push(sql);
  await sql`
    insert into groups (id, name, distribution, turn, round_turn)
    select value::uuid, 'Group', 'automatic', ${agents}, 1
    from json_array_elements_text(${asJson(numbers(groups).map((index) => stageId(1, index)))}::text::json)`;
  await sql`
    insert into agents (id, name, role, availability, capacity, active_count)
    select id, 'Agent', 'agent', 'available', 1000000, case when "isFull" then 1000000 else 0 end
    from json_to_recordset(${asJson(numbers(agents).map((index) => ({ id: stageAgent(index), isFull: index < full })))}
      ::text::json) as agent(id uuid, "isFull" boolean)`;
  await sql`
    insert into group_members (group_id, agent_id, last_turn)
    select groups.id, agents.id, row_number() over (partition by groups.id order by agents.id) from groups, agents`;
  await sql`
    insert into channels (id, phone_number_id, account_id, name, group_id)
    values (${stageId(3)}, '123', '100', 'Main', ${STAGE_GROUP})`;
  await sql`
    insert into conversations
      (id, channel_id, contact_id, group_id, state, opened_at, queued_at, session_ends_at, check_at, sequence)
    select gen_random_uuid(), ${stageId(3)}, gen_random_uuid(), ${STAGE_GROUP}, 'queued', now(),
      now() - interval '1 day' + n * interval '1 second', now(), now(), 2
    from generate_series(1, ${waiting}) as n`;
  // A vacuum under way would count as well.
  for (const table of ["agents", "groups", "group_members", "conversations", "assignments", "events"]) {
    await sql.unsafe(`vacuum analyze ${table}`);
    await sql.unsafe(`alter table ${table} set (autovacuum_enabled = false)`);
  }
  const readPages = async () => {
    await sql`select pg_stat_force_next_flush()`;
    const [row] = await sql<{ pages: number }[]>`
      select sum(heap_blks_read + heap_blks_hit + coalesce(idx_blks_read, 0) + coalesce(idx_blks_hit, 0))::int as pages
      from pg_statio_user_tables`;
    return row?.pages ?? 0;
  };
  return {
    sql,
    pagesOf: async (work) => {
      const before = await readPages();
      await work();
      return (await readPages()) - before;
    },
  };
}

const toItem = (user: string) => interpretLine(toLine({ id: user, userId: `US.${user}` }).json);

let written = 0;
/** Ten customers write, one after the other; each finds its agent at once. */
async function writeTen(sql: Sql): Promise<void> {
  for (const _ of numbers(10)) {
    const items = [toItem(`${++written}`)];
    expect(await applyInbound(sql, { reader: null, moves: [], items, createId })).toMatchObject({ assigned: 1 });
  }
}

/** What ten new conversations cost in a world of a size, after one that warms it up. */
async function costOfOpening(size: Size): Promise<number> {
  const { sql, pagesOf } = await createWorld(size);
  // Members that are found full rest from then on: each look takes some of them out of the rotation.
  for (const index of numbers(60 + (size.full ?? 0) / 20)) {
    await applyInbound(sql, { reader: null, moves: [], items: [toItem(`warm${index}`)], createId });
    await assignQueued(sql, STAGE_GROUP, createId);
  }
  // As autovacuum does within a minute, once so many have gone out of the rotation at once.
  await sql`vacuum group_members`;
  return pagesOf(() => writeTen(sql));
}

/** What it costs that ten full agents get room for one more conversation each, one after the other. */
async function costOfPlaces(size: Size): Promise<number> {
  const { sql, pagesOf } = await createWorld({ ...size, full: size.agents });
  for (const _ of numbers(1 + size.agents / 16)) await assignQueued(sql, STAGE_GROUP, createId);
  await sql`vacuum group_members`;
  const free = (index: number) =>
    setAvailability(
      sql,
      { actor: SERVICE_ACTOR, agentId: stageAgent(index), availability: "available", capacity: 1_000_001 },
      createId,
    );
  const fill = async (index: number) => {
    await free(index);
    const groupIds = await listWaitingGroups(
      sql,
      numbers(size.groups ?? 1).map((group) => stageId(1, group)),
    );
    expect(groupIds).toEqual([STAGE_GROUP]);
    expect(await assignQueued(sql, STAGE_GROUP, createId)).toMatchObject({ assigned: 1, hasMore: false });
  };
  await fill(size.agents - 1);
  return pagesOf(async () => {
    for (const index of numbers(10)) await fill(index);
  });
}

describe("what one assignment reads does not grow", () => {
  it("with the group: 5,000 agents, all of them free, or most of them full with the oldest turns", async () => {
    const small = await costOfOpening({ agents: 50 });
    expect(await costOfOpening({ agents: 5_000 })).toBeLessThanOrEqual(RATIO_MAX * small);
    const smallFull = await costOfOpening({ agents: 50, full: 25 });
    expect(await costOfOpening({ agents: 5_000, full: 4_950 })).toBeLessThanOrEqual(RATIO_MAX * smallFull);
  });

  it("with the groups that there are, and that its agent belongs to: 1,000", async () => {
    const small = await costOfOpening({ agents: 50 });
    expect(await costOfOpening({ agents: 50, groups: 1_000 })).toBeLessThanOrEqual(RATIO_MAX * small);
  });

  it("with the queue: 50,000 wait while one place after the other gets free, of 50 agents or of 5,000", async () => {
    const small = await costOfPlaces({ agents: 50, waiting: 50 });
    expect(await costOfPlaces({ agents: 50, waiting: 50_000 })).toBeLessThanOrEqual(RATIO_MAX * small);
    expect(await costOfPlaces({ agents: 5_000, waiting: 50_000 })).toBeLessThanOrEqual(RATIO_MAX * small);
  });
});

describe("an assignment in a group of 5,000", () => {
  it("has a reason that names 20 of each kind, says that it is cut, and is true", async () => {
    const { sql } = await createWorld({ agents: 5_000, full: 100 });
    for (const _ of numbers(10)) {
      await applyInbound(sql, { reader: null, moves: [], items: [toItem(`${++written}`)], createId });
      await assignQueued(sql, STAGE_GROUP, createId);
    }
    const [row] = await sql<{ agentId: string; reason: Record<string, unknown>; bytes: number }[]>`
      select agent_id as "agentId", reason, length(reason::text) as bytes from assignments order by assigned_at desc limit 1`;
    const { turn } = row?.reason ?? {};
    const first = Number(String(row?.agentId).slice(-8));
    expect(row?.reason).toEqual({
      rule: "turn",
      turn,
      candidates: numbers(20).map((index) => stageAgent(first + index)),
      leftOut: numbers(20).map((index) => ({ agentId: stageAgent(index), why: "full" })),
      isCut: true,
    });
    expect(first).toBe(100 + Number(turn) - 5_001);
    expect(row?.bytes).toBeLessThan(4_000);
  });
});
