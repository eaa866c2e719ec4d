import {
  and,
  brokenRuleOf,
  connectToDatabase,
  constant,
  count,
  eq,
  expression,
  getTableColumns,
  getTableName,
  inPlaceOf,
  isAnyOf,
  typed,
  type Sql,
} from "@turno/database";
import * as schema from "@turno/database/schema";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createTestDatabase, type TestDatabase } from "../src/index.ts";

const { agents, conversations, deadLetters, groupMembers, groups } = schema;
type Table = typeof schema.agents;

const ID = "018f0000-0000-7000-8000-0000000000a1";
const OTHER_ID = "018f0000-0000-7000-8000-0000000000a2";
const ANA = { id: ID, name: "Ana", role: "agent" } as const;

let database: TestDatabase;
let sql: Sql;
beforeEach(async () => {
  database = await createTestDatabase();
  sql = connectToDatabase(database.url, { connectionsMax: 1, name: "typed" });
});
afterEach(async () => {
  await sql.end({ timeout: 1 });
  await database.drop();
});

const tables = Object.values(schema).filter(
  (value): value is Table => typeof value === "object" && Symbol.for("drizzle:IsDrizzleTable") in value,
);

interface Declared {
  dataType: string;
  columnType: string;
  /** The type in the database, of a kind of our own. */
  sqlName?: string;
  enumValues?: readonly string[] | undefined;
  generated?: unknown;
  generatedIdentity?: unknown;
}

/** A value of the kind that a column declares: what TypeScript takes it for. */
function sampleOf({ dataType, columnType, enumValues, sqlName }: Declared): unknown {
  if (columnType === "PgUUID") return ID;
  if (columnType === "PgInteger") return 7;
  if (sqlName === "uuid[]") return [ID];
  if (sqlName === "text[]") return ['it\'s "so"\\', "{,}"];
  if (sqlName === "tsvector") return "'hola'";
  if (sqlName === "bigint[]") return [1, 4_294_967_296];
  const samples: Record<string, unknown> = {
    string: enumValues?.[0] ?? 'it\'s "so"\\',
    number: 4_294_967_296,
    boolean: true,
    date: new Date("2026-01-02T03:04:05.678Z"),
    custom: { text: "\u0000 7", list: [1, null], nested: { is: false } },
  };
  return samples[dataType];
}

const isWritten = ({ generated, generatedIdentity }: Declared) =>
  generated === undefined && generatedIdentity === undefined;

it("every column of the schema takes and gives what the types say, through the driver alone", async () => {
  expect(tables.length).toBeGreaterThan(20);
  await sql.begin(async (tx) => {
    for (const table of tables) {
      const name = getTableName(table);
      // Found before the real one, and without its rules for what a row may hold.
      await tx.unsafe(`create temp table "${name}" (like public."${name}" including generated including identity)`);
      const columns = Object.entries<Declared>(getTableColumns(table));
      const writable = columns.filter(([, column]) => isWritten(column));
      const row = Object.fromEntries(writable.map(([key, column]) => [key, sampleOf(column)]));
      const [written] = await typed(tx)
        .insert(table)
        .values(row as never)
        .returning();
      const [read] = await typed(tx).select().from(table).limit(1);
      expect([name, written]).toEqual([name, expect.objectContaining(row)]);
      expect([name, read]).toEqual([name, written]);
    }
  });
});

it("a statement belongs to the transaction that it is made on, and fails as any other", async () => {
  await typed(sql).insert(agents).values(ANA);
  const failing = sql.begin(async (tx) => {
    const written = await typed(tx).update(agents).set({ name: "Bea" }).where(eq(agents.id, ID));
    expect(written).toEqual({ count: 1 });
    await typed(tx).insert(agents).values(ANA);
  });
  const error: unknown = await failing.catch((caught: unknown) => caught);
  expect(brokenRuleOf(error)?.rule).toBe("taken");
  expect(await typed(sql).select({ name: agents.name }).from(agents)).toEqual([{ name: "Ana" }]);
});

it("an outer join gives null where it finds nothing, and columns of one name their own values", async () => {
  await typed(sql).insert(groups).values({ id: OTHER_ID, name: "Sales", distribution: "manual" });
  const rows = await typed(sql)
    .select({ group: groups.name, agentId: groupMembers.agentId, agent: agents.name })
    .from(groups)
    .leftJoin(groupMembers, eq(groupMembers.groupId, groups.id))
    .leftJoin(agents, eq(agents.id, groupMembers.agentId));
  const agentId: string | null = rows[0]?.agentId ?? null;
  expect(rows).toEqual([{ group: "Sales", agentId, agent: null }]);
  expect(agentId).toBeNull();
});

it("counts, lists of ids and chosen rows come as they are declared", async () => {
  await typed(sql)
    .insert(agents)
    .values([ANA, { ...ANA, id: OTHER_ID, name: "Bea" }]);
  const isChosen = isAnyOf(agents.id, [OTHER_ID]);
  expect(await typed(sql).select({ total: count() }).from(agents).where(isAnyOf(agents.id, []))).toEqual([
    { total: 0 },
  ]);
  const chosen = inPlaceOf(agents, typed(sql).select().from(agents).where(isChosen));
  const rows = await typed(sql)
    .select({ name: agents.name, now: expression<Date>`turno_now()` })
    .from(chosen);
  expect(rows).toEqual([{ name: "Bea", now: expect.any(Date) }]);
});

it("rows are flat: what would be nested is refused before it is sent", async () => {
  const nested = typed(sql)
    .select({ of: { name: agents.name } })
    .from(agents);
  await expect(Promise.resolve().then(() => nested)).rejects.toThrow("rows are flat");
});

it("a constant stands in the text, escaped, so that a partial index can be used", async () => {
  const queued = and(eq(conversations.groupId, ID), constant(eq(conversations.state, "queued")));
  const statement = typed(sql).select({ id: conversations.id }).from(conversations).where(queued).toSQL();
  expect(statement.params).toEqual([ID]);
  const [plan] = await sql.unsafe(`explain (generic_plan) ${statement.sql}`).values();
  expect(String(plan)).toContain("conversations_queue_idx");
  expect(
    typed(sql)
      .select()
      .from(agents)
      .where(constant(eq(agents.name, "o'clock")))
      .toSQL().sql,
  ).toContain("'o''clock'");
});

it("a statement is prepared once, but not those with lists, of which each length is another", async () => {
  const letter = (id: string) => ({
    id,
    key: id,
    cause: "defect",
    field: "messages",
    line: "{}",
    setAsideAt: new Date(),
  });
  const idOf = (number: number) => `018f0000-0000-7000-8000-${String(number).padStart(12, "0")}`;
  for (const number of [1, 2])
    await typed(sql)
      .insert(deadLetters)
      .values(letter(idOf(number)));
  await typed(sql)
    .insert(deadLetters)
    .values([3, 4, 5, 6, 7, 8, 9].map((number) => letter(idOf(number))));
  const kept = await sql<{ statement: string }[]>`select statement from pg_prepared_statements`;
  expect(kept.filter(({ statement }) => statement.startsWith("insert"))).toHaveLength(1);
});
