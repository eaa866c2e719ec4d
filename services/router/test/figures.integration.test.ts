import { connectToDatabase, readLag, type Sql } from "@turno/database";
import { createTestDatabase, stageId, type TestDatabase } from "@turno/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readGroupFigures } from "../src/figures/read-group-figures.ts";
import { readLetterFigures } from "../src/figures/read-letter-figures.ts";

/** `FIGURES_ROWS=1000000` shows the same at a million. */
const ROWS = Number(process.env["FIGURES_ROWS"] ?? 20_000);
const GROUPS = 50;
const OPEN = 500;
/** Most of it is what is ended. What a look costs must follow what is open, and what it counts to. */
const PAGES_MAX = 4_000;

let database: TestDatabase;
let sql: Sql;
beforeAll(async () => {
  database = await createTestDatabase();
  sql = connectToDatabase(database.url, { connectionsMax: 1, name: "figures", statementMsMax: 300_000 });
  await sql`
    insert into groups (id, name, distribution)
    select ('00000000-0000-7000-8000-0001' || lpad(n::text, 8, '0'))::uuid, 'Group ' || n, 'manual'
    from generate_series(0, ${GROUPS - 1}) as n`;
  await sql`
    insert into conversations
      (id, channel_id, contact_id, group_id, state, agent_id, opened_at, queued_at, waiting_since, check_at, sequence)
    select gen_random_uuid(), ${stageId(3)}, gen_random_uuid(),
      ('00000000-0000-7000-8000-0001' || lpad((n % ${GROUPS})::text, 8, '0'))::uuid,
      case when n <= ${OPEN} then 'queued' when n <= ${2 * OPEN} then 'active' else 'closed' end,
      case when n > ${OPEN} then gen_random_uuid() end, now(), now() - n * interval '1 second',
      case when n % 2 = 0 then now() - n * interval '1 second' end, now(), 1
    from generate_series(1, ${ROWS}) as n`;
  await sql`
    insert into dead_letters (id, key, cause, field, line, set_aside_at)
    select gen_random_uuid(), n::text,
      (array['unknown-channel: no channel', 'defect', 'update.text: is missing', 'another-account: of x'])[1 + n % 4],
      'messages', repeat('x', 500), now()
    from generate_series(1, ${ROWS}) as n`;
  await sql`vacuum analyze conversations`;
  await sql`vacuum analyze dead_letters`;
}, 300_000);
afterAll(async () => {
  await sql.end({ timeout: 1 });
  await database.drop();
});

/** How many pages of the database a piece of work looks at: no load of the machine moves that figure. */
async function pagesOf(work: () => Promise<unknown>): Promise<number> {
  const readPages = async () => {
    await sql`select pg_stat_force_next_flush()`;
    const [row] = await sql<{ pages: number }[]>`
      select sum(heap_blks_read + heap_blks_hit + coalesce(idx_blks_read, 0) + coalesce(idx_blks_hit, 0))::int as pages
      from pg_statio_user_tables`;
    return row?.pages ?? 0;
  };
  const before = await readPages();
  await work();
  return (await readPages()) - before;
}

describe("the router's figures of the database", () => {
  it("say of each group what waits, and for how long at most", async () => {
    const figures = await readGroupFigures(sql);
    expect(figures).toHaveLength(GROUPS);
    const [first] = figures;
    expect(first).toMatchObject({
      id: stageId(1, 0),
      name: "Group 0",
      queued: OPEN / GROUPS,
      unanswered: OPEN / GROUPS,
    });
    // The rows are some seconds old, on a busy machine more.
    expect(first?.queuedSeconds).toBeGreaterThanOrEqual(OPEN);
    expect(first?.queuedSeconds).toBeLessThan(OPEN + 300);
    expect(first?.unansweredSeconds).toBeGreaterThanOrEqual(2 * OPEN);
    expect(first?.unansweredSeconds).toBeLessThan(2 * OPEN + 300);
    // Of the groups with odd numbers nobody waits for an answer.
    expect(figures[1]).toMatchObject({ queued: OPEN / GROUPS, unanswered: 0, unansweredSeconds: 0 });
  });

  it("count dead letters by kinds of cause that nobody can add to, up to a limit", async () => {
    const figures = await readLetterFigures(sql);
    expect(figures.map(({ cause }) => cause).toSorted()).toEqual([
      "another-account",
      "defect",
      "unknown-channel",
      "unreadable",
    ]);
    expect(figures.reduce((sum, { count }) => sum + count, 0)).toBe(10_000);
  });

  it("cost the same with all that has ended", async () => {
    expect(await pagesOf(() => readGroupFigures(sql))).toBeLessThan(PAGES_MAX);
    expect(await pagesOf(() => readLetterFigures(sql))).toBeLessThan(PAGES_MAX);
    expect(await pagesOf(() => readLag(sql))).toBeLessThan(100);
  });
});
