import { connectToDatabase, type Sql } from "@turno/database";
import { createIdSource } from "@turno/runtime";
import { createTestDatabase, STAGE_GROUP, stageId, toLine, type TestDatabase } from "@turno/testing";
import { interpretLine } from "@turno/whatsapp";
import { afterEach, beforeEach, expect, it } from "vitest";
import { applyInbound } from "../src/inbound/apply-inbound.ts";

const createId = createIdSource();

let database: TestDatabase;
let sql: Sql;
beforeEach(async () => {
  database = await createTestDatabase();
  sql = connectToDatabase(database.url, { connectionsMax: 2, name: "apply-inbound" });
  await sql`insert into groups (id, name, distribution) values (${STAGE_GROUP}, 'Support', 'automatic')`;
  await sql`
    insert into channels (id, phone_number_id, name, group_id) values (${stageId(3)}, '123', 'Main', ${STAGE_GROUP})`;
});
afterEach(async () => {
  await sql.end({ timeout: 1 });
  await database.drop();
});

const message = (id: string) => toLine({ id, userId: `US.${id}` }).json;
/** What is kept and distributed to nobody. */
const observation = (id: string) => message(id).replace('"key":"msg:', '"key":"standby:msg:');
const apply = (lines: readonly string[]) =>
  applyInbound(sql, { reader: null, moves: [], items: lines.map(interpretLine), createId });
const letters = () => sql<{ key: string; cause: string }[]>`select key, cause from dead_letters order by key`;

it("keeps observations, and sets aside the one that the database refuses", async () => {
  await sql`alter table observations add constraint test_check check (key <> 'standby:msg:b')`;
  const kept = observation("c");
  const outcome = await apply([message("a"), observation("b"), kept, message("d")]);
  expect(outcome).toMatchObject({ applied: 2, observed: 1, setAside: 1 });
  expect(await letters()).toMatchObject([
    { key: "standby:msg:b", cause: expect.stringMatching(/^refused-by-database: .*test_check/) as string },
  ]);
  expect(await sql`select key, what, phone_number_id, line from observations`).toEqual([
    { key: "standby:msg:c", what: "standby", phone_number_id: "123", line: kept },
  ]);
});

it("counts what the batch holds twice and what came before, and sets a line without a key aside once", async () => {
  expect(await apply([message("a"), message("a"), "no JSON"])).toMatchObject({ applied: 1, repeated: 1, setAside: 1 });
  expect(await apply([message("a"), message("b"), "no JSON"])).toMatchObject({ applied: 1, repeated: 1, setAside: 1 });
  expect(await letters()).toMatchObject([{ key: expect.stringMatching(/^line:[0-9a-f]{64}$/) as string }]);
});
