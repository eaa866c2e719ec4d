import { connectToDatabase, DATABASE_SERVICES, roleOf, rolePasswordKey, type Sql } from "@turno/database";
import {
  createEmptyDatabase,
  createStage,
  runTestService,
  waitFor,
  type Stage,
  type TestDatabase,
} from "@turno/testing";
import { afterEach, beforeEach, expect, it } from "vitest";

const PASSWORDS = Object.fromEntries(DATABASE_SERVICES.map((service) => [rolePasswordKey(service), `of-${service}`]));

let database: TestDatabase;
let maker: Sql;
let stage: Stage;
beforeEach(async () => {
  [database, stage] = await Promise.all([createEmptyDatabase(), createStage()]);
  maker = connectToDatabase(database.url, { connectionsMax: 1, name: "test" });
});
afterEach(async () => {
  await stage.stop();
  await maker.end();
  await database.drop();
});

const migrate = (environment: Record<string, string> = {}) =>
  runTestService("migrator", { DATABASE_URL: database.url, ...PASSWORDS, ...environment });

const roleOfRouter = () => roleOf(new URL(database.url).pathname.slice(1), "router");

/** Where a deployed router finds the database. */
function addressOfRouter(): string {
  const url = new URL(database.url);
  url.username = roleOfRouter();
  url.password = "of-router";
  return url.href;
}

it("a service that is there first waits, says what for, and begins once the migrator was there", async () => {
  const router = await stage.start("router", { DATABASE_URL: addressOfRouter() }, { isListeningEnough: true });
  const readiness = () => fetch(`${router.url}/health/ready`);
  await waitFor(
    async () => /does not let this role in .* run this release's migrator/.test(await (await readiness()).text()),
    { what: "the router says what it waits for" },
  );
  expect(await migrate()).toMatchObject({ exitCode: 0 });
  await waitFor(async () => (await readiness()).ok, { what: "the router is ready" });

  await maker`grant delete on tickets to ${maker(roleOfRouter())}`;
  expect(await migrate()).toMatchObject({ exitCode: 0 });
  const given = await maker`select has_table_privilege(${roleOfRouter()}, 'tickets', 'delete') as "isGiven"`;
  expect(given, "a right that was given by hand").toEqual([{ isGiven: false }]);
  expect((await readiness()).ok).toBe(true);
});

it("what a restore made becomes the owner's, so that the next release can change it", async () => {
  await migrate();
  await maker`alter table tickets owner to current_user`;
  await maker`alter function turno_fold(text) owner to current_user`;
  expect(await migrate()).toMatchObject({ exitCode: 0 });
  const owner = roleOf(new URL(database.url).pathname.slice(1), "owner");
  const owners = await maker`
    select relowner::regrole::text as owner from pg_class where oid = 'tickets'::regclass
    union all select proowner::regrole::text from pg_proc where oid = 'turno_fold(text)'::regprocedure`;
  expect(owners).toEqual([{ owner }, { owner }]);
});

it("ends with what is wrong with its environment, and shows no password", async () => {
  const { exitCode, said } = await migrate({
    [rolePasswordKey("sender")]: "with space",
    [rolePasswordKey("inbox")]: "",
  });
  expect(exitCode).toBe(1);
  expect(said).toMatch(/POSTGRES_PASSWORD_SENDER: must have printable ASCII characters only/);
  expect(said).toMatch(/POSTGRES_PASSWORD_INBOX: /);
  expect(said).not.toContain("with space");
});
