import { DATABASE_SERVICES, migrateDatabase, roleOf, SchemaFailure, type RolePasswords } from "@turno/database";
import { ROOT } from "@turno/servers";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createEmptyDatabase, type TestDatabase } from "../src/index.ts";
import { onServer, urlOfDatabase } from "../src/test-database.ts";

const MIGRATIONS = join(ROOT, "libs", "database", "migrations");
const NEXT = { tag: "9999_next", when: 9_999_999_999_999 };

let database: TestDatabase;
let sql: postgres.Sql;
let folder: string;
beforeEach(async () => {
  database = await createEmptyDatabase();
  sql = postgres(database.url, { max: 1, onnotice: () => undefined });
  folder = await mkdtemp(join(tmpdir(), "turno-migrations-"));
});
afterEach(async () => {
  await sql.end();
  await database.drop();
  await rm(folder, { recursive: true });
});

/** Makes the migrations of the next release: ours and one more. */
async function addMigration(statement: string): Promise<void> {
  await cp(MIGRATIONS, folder, { recursive: true });
  const file = join(folder, "meta", "_journal.json");
  const journal = JSON.parse(await readFile(file, "utf8")) as { entries: object[] };
  journal.entries.push({ idx: journal.entries.length, version: "7", breakpoints: true, ...NEXT });
  await writeFile(file, JSON.stringify(journal));
  await writeFile(join(folder, `${NEXT.tag}.sql`), statement);
}

const countApplied = async () => (await sql`select id from drizzle.__drizzle_migrations`).length;

it("services that start at once migrate a new database once", async () => {
  await Promise.all(Array.from({ length: 4 }, () => migrateDatabase(database.url)));
  await migrateDatabase(database.url);
  const files = JSON.parse(await readFile(join(MIGRATIONS, "meta", "_journal.json"), "utf8")) as { entries: object[] };
  expect(await countApplied()).toBe(files.entries.length);
});

it("refuses a database with the twelve migrations of before the first release, and says what to do", async () => {
  await sql`create schema drizzle`;
  await sql`create table drizzle.__drizzle_migrations (id serial primary key, hash text not null, created_at bigint)`;
  // The first of them as it was; those after it had later instants.
  const first = "7f06d552e73b45879f1b5089018e5c13e162f13c1405fda393a289a74d1d38d0";
  for (let index = 0; index < 12; index++) {
    const row = { hash: index === 0 ? first : `later-${index}`, created_at: 1_795_395_614_250 + index };
    await sql`insert into drizzle.__drizzle_migrations ${sql(row)}`;
  }
  const migrating = migrateDatabase(database.url);
  await expect(migrating).rejects.toThrow(SchemaFailure);
  await expect(migrating).rejects.toThrow(/remove the local stack's data folder \(\.turno.*new, empty database/);
  expect(await sql`select to_regclass('conversations') as name`).toEqual([{ name: null }]);
});

it("works on the schema of a newer release, which keeps what this one needs, and leaves it as it is", async () => {
  await addMigration("alter table circuits add column note text");
  await migrateDatabase(database.url, { migrationsFolder: folder });
  const applied = await countApplied();
  await migrateDatabase(database.url);
  expect(await countApplied()).toBe(applied);
});

it("brings an older release's database on, and keeps what is in it", async () => {
  await migrateDatabase(database.url);
  await sql`insert into event_readers (reader, position) values ('test', 7)`;
  await addMigration("alter table event_readers add column note text default 'new'");
  await migrateDatabase(database.url, { migrationsFolder: folder });
  expect(await sql`select position, note from event_readers`).toEqual([{ position: "7", note: "new" }]);
});

it("refuses a newer schema that has taken away what this release needs", async () => {
  await addMigration(
    "alter table circuits drop column reason;\n" +
      "create or replace function turno_migrations_min() returns integer language sql immutable as 'select 1000'",
  );
  await migrateDatabase(database.url, { migrationsFolder: folder });
  await expect(migrateDatabase(database.url)).rejects.toThrow(/changed by a newer Turno .* run the newer release/);
});

const PASSWORDS = Object.fromEntries(DATABASE_SERVICES.map((service) => [service, "secret"])) as RolePasswords;

/** Makes a database that belongs to somebody who may create roles and nothing else, and removes both with what it left. */
async function withMaker(name: string, work: (url: string, asRoot: postgres.Sql) => Promise<void>): Promise<void> {
  const maker = `${name}_maker`;
  const quoted = (text: string) => `"${text}"`;
  await sql.unsafe(`create role ${quoted(maker)} login createrole password 'secret'`);
  await sql.unsafe(`create database ${quoted(name)} owner ${quoted(maker)} template template0`);
  try {
    const rootUrl = urlOfDatabase(database.url, name);
    const url = new URL(rootUrl);
    url.username = maker;
    url.password = "secret";
    await onServer(rootUrl, (asRoot) => work(url.href, asRoot));
  } finally {
    await sql.unsafe(`drop database ${quoted(name)} with (force)`);
    for (const who of [...DATABASE_SERVICES, "owner" as const]) {
      await sql.unsafe(`drop role if exists ${quoted(roleOf(name, who))}`);
    }
    await sql.unsafe(`drop role ${quoted(maker)}`);
  }
}

it("serves a database of any name for who may create roles, and leaves what is an extension's", async () => {
  await withMaker("Test.Of-Maker", async (url, asRoot) => {
    await asRoot`create extension unaccent`;
    await asRoot`create procedure of_somebody() language sql as 'select 1'`;
    await asRoot`alter procedure of_somebody() owner to "Test.Of-Maker_maker"`;
    for (let times = 0; times < 2; times++) await migrateDatabase(url, { passwords: PASSWORDS });
    const owners = await asRoot`
      select proname as name, proowner::regrole = current_user::regrole as "isRoots" from pg_proc
      where proname in ('unaccent_lexize', 'of_somebody') order by proname`;
    expect(owners).toEqual([
      { name: "of_somebody", isRoots: false },
      { name: "unaccent_lexize", isRoots: true },
    ]);
  });
});

it("lets no role in that may do more, by an attribute, by another role, or as everybody may", async () => {
  const name = "test_of_more";
  await withMaker(name, async (url, asRoot) => {
    const migrate = () => migrateDatabase(url, { passwords: PASSWORDS });
    await migrate();
    await asRoot`alter role test_of_more_router superuser`;
    await expect(migrate()).rejects.toThrow(/test_of_more_router may do more than .*: superuser/);
    await asRoot`alter role test_of_more_router nosuperuser`;
    await asRoot`grant test_of_more_owner to test_of_more_inbox`;
    await expect(migrate()).rejects.toThrow(/test_of_more_inbox may do more than .*: member of test_of_more_owner/);
    await asRoot`revoke test_of_more_owner from test_of_more_inbox`;
    // A database that was made by a server before version 15 has the second of them.
    await asRoot`grant select on tickets to public`;
    await asRoot`grant create on schema public to public`;
    await migrate();
    const left = await asRoot`
      select has_table_privilege('test_of_more_sender', 'tickets', 'select') as "mayRead",
        has_schema_privilege('test_of_more_sender', 'public', 'create') as "mayCreate"`;
    expect(left).toEqual([{ mayRead: false, mayCreate: false }]);
  });
});
