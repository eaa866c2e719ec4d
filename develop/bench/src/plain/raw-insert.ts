import type { Sql } from "@turno/database";
import { isNewSender, populate, writeConfiguration, type BenchTraffic } from "../population.ts";
import type { Database, BenchScene } from "../scene.ts";
import { userIdOf } from "../webhooks.ts";

const TABLES = [
  "contacts",
  "contact_identities",
  "conversations",
  "assignments",
  "messages",
  "events",
  "outbox",
] as const;
type Table = (typeof TABLES)[number];

/** Rows as JSON, in the batches in which they will be inserted. */
type Rows = Record<Table, string[]>;

export interface RawInsert {
  tables: readonly Table[];
  /** Takes from a database exactly the rows that a router wrote for this traffic. */
  copyRows(from: Database, traffic: BenchTraffic): Promise<Rows>;
  /** Inserts them, a transaction of one multi-row statement a table for 256 messages, and gives the seconds. */
  time(rows: Rows, tables: readonly Table[]): Promise<number>;
}

const BATCH = 256;

/**
 * The floor of every design on this database: the same rows, known beforehand, inserted into the same tables with the
 * same indexes and constraints, nothing looked up and nothing updated. Each run is checked and undone, so that the next
 * one finds the tables as they were.
 */
export async function createRawInsert(scene: BenchScene, stored: number): Promise<RawInsert> {
  const { sql } = await scene.createDatabase();
  await writeConfiguration(sql);
  await populate(sql, stored);
  return {
    tables: TABLES,
    copyRows,
    time: async (rows, tables) => {
      const before = await countRows(sql, tables);
      const startedAt = performance.now();
      for (let batch = 0; batch < rows.messages.length; batch++) {
        await sql.begin((tx) =>
          Promise.all(
            tables.map((table) => {
              const text = rows[table][batch] ?? "[]";
              const name = sql(table);
              return tx`insert into ${name} select * from json_populate_recordset(null::${name}, ${text}::text::json)`;
            }),
          ),
        );
      }
      const seconds = (performance.now() - startedAt) / 1000;
      const inserted = (await countRows(sql, tables)) - before;
      const wanted = tables.reduce(
        (sum, table) => sum + rows[table].reduce((count, text) => count + rowsIn(text), 0),
        0,
      );
      if (inserted !== wanted) throw new Error(`raw insert wrote ${inserted} rows of ${wanted}`);
      await removeRows(sql, rows, tables);
      return seconds;
    },
  };
}

const rowsIn = (text: string) => (JSON.parse(text) as unknown[]).length;

async function countRows(sql: Sql, tables: readonly Table[]): Promise<number> {
  let sum = 0;
  for (const table of tables) {
    const [row] = await sql<{ count: number }[]>`select count(*)::int as count from ${sql(table)}`;
    sum += row?.count ?? 0;
  }
  return sum;
}

async function copyRows({ sql }: Database, traffic: BenchTraffic): Promise<Rows> {
  const keys = traffic.messages.map(({ id }) => `msg:${id}`);
  const messages = sql`select id from messages where key = any(${keys}::text[])`;
  const users = traffic.messages.filter(({ sender }) => isNewSender(sender)).map(({ sender }) => userIdOf(sender));
  const newContacts = sql`select contact_id from contact_identities where kind = 'user' and value = any(${users}::text[])`;
  const opened = sql`select id from conversations where contact_id in (${newContacts})`;
  const batches = async (rows: Promise<readonly { row: string }[]>, cut?: (at: number) => number) => {
    const texts = (await rows).map(({ row }) => row);
    return chunk(texts, keys.length, cut);
  };
  const text = sql`row_to_json(found)::text as row`;
  return {
    messages: await batches(sql`select ${text} from messages as found where key = any(${keys}::text[]) order by id`),
    contacts: await batches(
      sql`
      select ${text} from contacts as found where id in (${newContacts}) order by id`,
      Math.ceil,
    ),
    contact_identities: await batches(sql`
      select ${text} from contact_identities as found
      where contact_id in (${newContacts}) order by contact_id`),
    conversations: await batches(sql`
      select ${text} from conversations as found where contact_id in (${newContacts}) order by contact_id`),
    assignments: await batches(sql`
      select ${text} from assignments as found
      where conversation_id in (${opened}) order by id`),
    events: await batches(sql`
      select ${text} from events as found
      where message_id in (${messages})
        or (message_id is null and entity_id in (${opened})) order by id`),
    outbox: await batches(sql`
      select json_build_object('position', 1000000000 + part, 'positions', positions)::text as row
      from (
        select part, array_agg(position order by position) as positions
        from (
          select position, (row_number() over (order by position) - 1) / ${EVENTS_PER_ROW}::int as part from events
          where message_id in (${messages})
            or (message_id is null and entity_id in (${opened}))
        ) as numbered
        group by part
      ) as found
      order by part`),
  };
}

/** Spreads a table's rows over as many batches as the messages make. Contacts are cut up, so that none is referred to before it is there. */
function chunk(rows: readonly string[], messages: number, cut = Math.floor): string[] {
  const count = Math.ceil(messages / BATCH);
  const size = rows.length / count;
  return Array.from(
    { length: count },
    (_, index) => `[${rows.slice(cut(index * size), cut((index + 1) * size)).join(",")}]`,
  );
}

/** As many as a router that is busy queues with one statement. */
const EVENTS_PER_ROW = 256;

const KEYS: Record<Table, string> = {
  contacts: "id",
  contact_identities: "contact_id",
  conversations: "id",
  assignments: "id",
  messages: "id",
  events: "id",
  outbox: "position",
};

async function removeRows(sql: Sql, rows: Rows, tables: readonly Table[]): Promise<void> {
  // What refers to others goes first.
  for (const table of tables.toReversed()) {
    const key = KEYS[table];
    const type = table === "outbox" ? sql`bigint[]` : sql`uuid[]`;
    const ids = rows[table].flatMap((text) => (JSON.parse(text) as Record<string, string>[]).map((row) => row[key]));
    await sql`delete from ${sql(table)} where ${sql(key)} = any(${ids.map(String)}::${type})`;
    await sql`vacuum ${sql(table)}`;
  }
}
