import { DATABASE_SERVICES, getTableName, roleOf, TABLE_RIGHTS, type DatabaseService } from "@turno/database";
import * as schema from "@turno/database/schema";
import { readFileSync } from "node:fs";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestDatabase, type TestDatabase } from "../src/index.ts";
import { TEMPLATE_DATABASE, testedService } from "../src/test-run.ts";
import { readSource } from "./repository.ts";

const LETTERS = ["r", "a", "w", "d"] as const;
type Letter = (typeof LETTERS)[number];
const TABLES = Object.keys(TABLE_RIGHTS);
const written = readSource("libs/database/schema.sql");

/** The tables by their names in TypeScript. A bundle adds `$1` where two modules use the same one. */
const builtNames = new Map(
  Object.entries(schema).flatMap(([name, value]) =>
    Symbol.for("drizzle:IsDrizzleTable") in Object(value) ? [[name, getTableName(value as typeof schema.agents)]] : [],
  ),
);

const NAME = String.raw`\s+(?:only\s+)?"?(\w+)"?`;
const BUILT = String.raw`\(\s*(\w+?)(?:\$\d+)?\b\s*`;
/** What in a text shows that a table is read, or written how. What changes or removes rows reads them too. */
const SIGNS: readonly (readonly [letters: string, sign: RegExp])[] = [
  ["r", new RegExp(`\\b(?:from|join|using)${NAME}`, "gi")],
  ["a", new RegExp(`\\binsert\\s+into${NAME}`, "gi")],
  ["rw", new RegExp(`\\bupdate${NAME}(?:\\s+(?:as\\s+)?\\w+)?\\s+set\\b`, "gi")],
  // A lock of rows alone takes the right to change them.
  ["rw", new RegExp(`\\bfrom${NAME}[^\`]*?\\bfor\\s+key\\s+share\\b`, "gi")],
  ["rw", new RegExp(`\\binsert\\s+into${NAME}[^\`]*?\\bdo\\s+update\\b`, "gi")],
  ["rd", new RegExp(`\\bdelete\\s+from${NAME}`, "gi")],
  ["r", new RegExp(`\\.(?:from|innerJoin|leftJoin|inPlaceOf)${BUILT}`, "g")],
  ["a", new RegExp(`\\.insert${BUILT}\\)`, "g")],
  ["rw", new RegExp(`\\.update${BUILT}\\)`, "g")],
  ["rw", new RegExp(`\\.insert${BUILT}\\)[^;]*?\\.onConflictDoUpdate`, "g")],
  ["rd", new RegExp(`\\.delete${BUILT}\\)`, "g")],
];

type Found = Map<string, Set<Letter>>;

function scan(text: string, found: Found = new Map()): Found {
  for (const [letters, sign] of SIGNS) {
    for (const [, name = ""] of text.matchAll(sign)) {
      const table = builtNames.get(name) ?? name;
      if (!TABLES.includes(table)) continue;
      const had = found.get(table) ?? new Set<Letter>();
      for (const letter of letters) had.add(letter as Letter);
      found.set(table, had);
    }
  }
  return found;
}

/** The functions of the schema with their bodies. */
const functions = written.split(/^(?=create function )/m).flatMap((text) => {
  const name = /^create function (\w+)/.exec(text)?.[1];
  return name === undefined ? [] : [{ name, body: text.split(/^create trigger /m)[0] ?? "" }];
});
const triggers = [
  ...written.matchAll(/^create trigger \w+ after update of [^;]* on (\w+)[^;]*execute function (\w+)/gm),
];

/** What a service does with each table: by its own statements, by the functions that they call, and by triggers. */
function doneBy(service: DatabaseService): Found {
  const code = readFileSync(testedService(service), "utf8");
  const found = scan(code);
  const called = new Set(functions.filter(({ name }) => code.includes(`${name}(`)).map(({ name }) => name));
  for (const [, table = "", name = ""] of triggers) if (found.get(table)?.has("w") === true) called.add(name);
  for (let before = -1; before !== called.size;) {
    before = called.size;
    for (const { name, body } of functions) {
      if (!called.has(name)) continue;
      scan(body, found);
      for (const other of functions) if (body.includes(`${other.name}(`)) called.add(other.name);
    }
  }
  return found;
}

/** What is given for a lock alone, which names its table elsewhere. */
const BESIDE: Readonly<Record<string, string>> = { command_answers: "w" };

describe("the rights of each service's role", () => {
  it("are for each table of the schema", () => {
    const tables = [...written.matchAll(/^create (?:unlogged )?table (\w+)/gm)].map(([, table = ""]) => table);
    expect(TABLES.toSorted()).toEqual(tables.toSorted());
  });

  it.each(DATABASE_SERVICES)("are what the statements of %s need, and no more", (service) => {
    const found = doneBy(service);
    const [needed, given] = [new Map<string, string>(), new Map<string, string>()];
    for (const table of TABLES) {
      const rights = TABLE_RIGHTS[table]?.[service] ?? "";
      const beside = rights === "" ? "" : (BESIDE[table] ?? "");
      needed.set(
        table,
        LETTERS.filter((letter) => found.get(table)?.has(letter) === true || beside.includes(letter)).join(""),
      );
      given.set(table, LETTERS.filter((letter) => rights.includes(letter)).join(""));
    }
    expect(Object.fromEntries(given)).toEqual(Object.fromEntries(needed));
  });

  it.each(DATABASE_SERVICES)("are all that %s may do with any table, tried one by one", async (service) => {
    const [may, told] = [new Map<string, string>(), new Map<string, string>()];
    for (const table of TABLES) {
      const rights = TABLE_RIGHTS[table]?.[service] ?? "";
      told.set(table, LETTERS.filter((letter) => rights.includes(letter)).join(""));
      const tried = await Promise.all(LETTERS.map((letter) => isAllowed(service, TRIES[letter](table))));
      may.set(table, LETTERS.filter((_, index) => tried[index]).join(""));
    }
    expect(Object.fromEntries(may)).toEqual(Object.fromEntries(told));
  });
});

let database: TestDatabase;
const sessions = new Map<DatabaseService, postgres.Sql>();
beforeAll(async () => {
  database = await createTestDatabase();
  for (const service of DATABASE_SERVICES) sessions.set(service, postgres(database.urlOf(service), { max: 4 }));
});
afterAll(async () => {
  await Promise.all([...sessions.values()].map((sql) => sql.end()));
  await database.drop();
});

/** Postgres asks for the right when a statement begins, so what only explains it is refused alike, and changes nothing. */
const TRIES: Record<Letter, (table: string) => string> = {
  r: (table) => `explain select from ${table}`,
  a: (table) => `explain insert into ${table} default values`,
  w: (table) => `explain update ${table} set ${columnOf(table)} = default`,
  d: (table) => `explain delete from ${table}`,
};

function columnOf(table: string): string {
  const [, column = ""] = new RegExp(`^create (?:unlogged )?table ${table} \\(\\s+(\\w+)`, "m").exec(written) ?? [];
  return column;
}

const FORBIDDEN = "42501";

/** Whether a service's role may do this. What fails for any other reason is a fault of the test. */
async function isAllowed(service: DatabaseService, statement: string): Promise<boolean> {
  try {
    await sessions.get(service)?.unsafe(statement);
    return true;
  } catch (error) {
    if ((error as { code?: string }).code !== FORBIDDEN) throw error;
    return false;
  }
}

/** Only the owner or a superuser may do these. */
const ELSE = [
  "truncate events",
  "create table other (id integer)",
  "create schema other",
  "create function other() returns integer language sql as 'select 1'",
  "alter table events add column other text",
  "drop table events",
  "create index on events (type)",
  "alter table events disable trigger all",
  "create trigger other after insert on events execute function turno_end_rest_of_agent()",
  "create or replace function turno_clock() returns timestamptz language sql as 'select now()'",
  "insert into drizzle.__drizzle_migrations (hash) values ('other')",
  "update drizzle.__drizzle_migrations set hash = 'other'",
  "select setval('events_position', 1)",
  "copy (select 1) to program 'true'",
  "copy events to '/tmp/events'",
  "select pg_read_file('postgresql.conf')",
  "select lo_import('/etc/hostname')",
  "create role other",
  "create extension file_fdw",
  "alter system set fsync = off",
  "set session_replication_role = replica",
  `set role ${roleOf(TEMPLATE_DATABASE, "owner")}`,
  "set role pg_execute_server_program",
  "set role pg_read_all_data",
  "checkpoint",
];

describe("no service's role", () => {
  it.each(DATABASE_SERVICES)("%s may do what is its owner's, or the server's", async (service) => {
    const allowed: string[] = [];
    for (const statement of ELSE) if (await isAllowed(service, statement)) allowed.push(statement);
    for (const other of DATABASE_SERVICES.filter((name) => name !== service)) {
      const statement = `set role ${roleOf(TEMPLATE_DATABASE, other)}`;
      if (await isAllowed(service, statement)) allowed.push(statement);
    }
    expect(allowed).toEqual([]);
  });

  it("is more than a role that signs in, and neither is the owner, who does not", async () => {
    const [sql] = sessions.values();
    if (sql === undefined) throw new Error("no session");
    const names = [...DATABASE_SERVICES, "owner" as const].map((who) => roleOf(TEMPLATE_DATABASE, who));
    const roles = await sql`
      select rolname as name, rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls as "isMore",
        rolcanlogin as "signsIn", array(select roleid::regrole::text from pg_auth_members where member = role.oid) as "isMemberOf"
      from pg_roles as role where rolname = any(${names}) order by rolname`;
    expect(roles).toEqual(
      names.toSorted().map((name) => ({ name, isMore: false, signsIn: !name.endsWith("_owner"), isMemberOf: [] })),
    );
    const owners = await sql`
      select distinct relowner::regrole::text as owner from pg_class where relnamespace = 'public'::regnamespace`;
    expect(owners).toEqual([{ owner: roleOf(TEMPLATE_DATABASE, "owner") }]);
  });
});
