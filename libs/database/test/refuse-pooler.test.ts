import { afterEach, describe, expect, it } from "vitest";
import { connectToDatabase, isDatabaseAway, refusePooler } from "../src/index.ts";
import { startFakePostgres, type FakeAnswer, type FakePostgres } from "./fake-postgres.ts";

const SETTING = "force_generic_plan";

let server: FakePostgres | undefined;
afterEach(() => server?.close());

async function check(answer: (client: number, statement: number) => FakeAnswer): Promise<string> {
  server = await startFakePostgres(answer);
  return refusePooler(server.url).then(
    () => "accepted",
    (error: Error) => error.message,
  );
}

describe("what answers at DATABASE_URL", () => {
  it("is taken where each client has a session of its own with its settings", async () => {
    expect(await check((client) => ({ pid: 100 + client, setting: SETTING }))).toBe("accepted");
  });

  it.each<[string, (client: number, statement: number) => FakeAnswer]>([
    ["gives both clients the session that is free", () => ({ pid: 100, setting: SETTING })],
    [
      "gives each statement the next session",
      (client, statement) => ({ pid: 100 + ((client + statement) % 2), setting: SETTING }),
    ],
    [
      "gives one client another session late",
      (client, statement) => ({ pid: client === 0 ? 100 + Math.floor(statement / 4) : 200, setting: SETTING }),
    ],
  ])("is refused where it %s", async (_case, answer) => {
    expect(await check(answer)).toMatch(
      /^DATABASE_URL leads to a pooler that shares sessions between its clients\. Turno/,
    );
  });

  it("is refused where it drops the settings", async () => {
    expect(await check((client) => ({ pid: client, setting: "auto" }))).toMatch(/drops the sessions' settings/);
  });

  it("is refused where it does not take the settings", async () => {
    const fatal = { code: "08P01", message: "unsupported startup parameter: plan_cache_mode" };
    const said = await check(() => ({ fatal }));
    expect(said).toMatch(/a pooler that says "unsupported startup parameter: plan_cache_mode"\. Turno needs sessions/);
    expect(said).toMatch(/let DATABASE_URL lead to Postgres itself/);
  });
});

describe("a server without room", () => {
  it("is asked less and less often, and every call fails meanwhile", async () => {
    const fatal = { code: "53300", message: "sorry, too many clients already" };
    server = await startFakePostgres(() => ({ fatal }));
    const pool = connectToDatabase(server.url, { connectionsMax: 1, name: "test" });
    const until = performance.now() + 2_500;
    const outcomes = new Set<boolean>();
    while (performance.now() < until)
      await pool`select 1`.catch((error: unknown) => outcomes.add(isDatabaseAway(error)));
    await pool.end({ timeout: 0 });
    // Before there was a pause it was asked some thirty times a second.
    expect(server.connections).toBeLessThan(10);
    expect([...outcomes]).toEqual([true]);
  }, 30_000);
});
