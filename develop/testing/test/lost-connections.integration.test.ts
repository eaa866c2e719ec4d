import { ConnectionFailure, connectToDatabase, watchDatabase, type DatabaseOptions, type Sql } from "@turno/database";
import { startNetworkProxy, type NetworkProxy } from "@turno/servers";
import { describe, expect, it as base } from "vitest";
import { createTestDatabase, waitFor, type TestDatabase } from "../src/index.ts";

/** What the runbook promises: a dead connection is given up and replaced within this time. */
const REPLACED_MS_MAX = 10_000;

/** A database of a test's own, and a network before it. */
interface Line {
  database: TestDatabase;
  network: NetworkProxy;
  /** Opens a pool through the network. */
  open: (options?: Partial<DatabaseOptions>) => Sql;
  /** Past the network. */
  direct: Sql;
}

// Most of the time these tests wait: they run beside one another.
const it = base.extend<{ line: Line }>({
  line: async ({ task: _task }, use) => {
    const database = await createTestDatabase();
    const network = await startNetworkProxy({ port: Number(new URL(database.url).port) });
    const through = new URL(database.url);
    through.port = String(network.port);
    const pools: Sql[] = [];
    const openTo = (url: string, options: Partial<DatabaseOptions> = {}) => {
      const pool = connectToDatabase(url, { connectionsMax: 2, name: "lines-test", ...options });
      pools.push(pool);
      return pool;
    };
    const direct = openTo(database.url);
    await direct`create table notes (text text not null)`;
    await use({ database, network, open: (options) => openTo(through.href, options), direct });
    await Promise.all(pools.map((pool) => pool.end({ timeout: 0 })));
    await network.close();
    await database.drop();
  },
});

/** For tests that need not wait as long as a service does. */
const SOONER = { statementMsMax: 2_000 };

/** How a call ended, and after how long. */
async function timed(call: Promise<unknown>): Promise<{ outcome: string; ms: number }> {
  const startedAt = performance.now();
  const outcome = await call.then(
    () => "answered",
    (error: { message: string; code?: string }) =>
      error instanceof ConnectionFailure || error.code?.startsWith("CONN") === true
        ? "failed, retryable"
        : error.message,
  );
  return { outcome, ms: performance.now() - startedAt };
}

const expectGivenUp = ({ outcome, ms }: { outcome: string; ms: number }) => {
  expect(outcome).toBe("failed, retryable");
  expect(ms).toBeLessThan(REPLACED_MS_MAX);
};

const answersAgain = (pool: Sql) =>
  waitFor(async () => (await pool`select 1 as one`)[0]?.["one"] === 1, {
    what: "the pool answers through a new connection",
    timeoutMs: REPLACED_MS_MAX,
  });

describe.concurrent("a network that swallows what is sent to Postgres", () => {
  it("costs each call at most the limit: statements, pipelines, transactions and what waits for a connection", async ({
    line: { network, open, direct },
  }) => {
    const pool = open();
    const isInTransaction = Promise.withResolvers<void>();
    const isSwallowed = Promise.withResolvers<void>();
    const transaction = pool.begin(async (tx) => {
      await tx`insert into notes values ('lost')`;
      isInTransaction.resolve();
      await isSwallowed.promise;
      await Promise.all([tx`insert into notes values ('lost')`, tx`select 1`, tx`select 2`]);
    });
    await isInTransaction.promise;
    await pool`select 1`;
    network.set({ kind: "swallowing" });
    isSwallowed.resolve();
    const calls = [transaction, ...Array.from({ length: 20 }, () => pool`select 1`), pool.begin((tx) => tx`select 1`)];
    for (const call of await Promise.all(calls.map(timed))) expectGivenUp(call);
    network.set({ kind: "open" });
    await answersAgain(pool);
    expect(await direct`select * from notes`).toEqual([]);
  });

  it("costs that once for a pool, and what is asked as soon as it fails is answered", async ({
    line: { network, open },
  }) => {
    const pool = open({ ...SOONER, connectionsMax: 4 });
    await Promise.all(Array.from({ length: 4 }, () => pool`select pg_sleep(0.1)`));
    expect(network.connections).toBe(4);
    network.set({ kind: "swallowing" });
    expectGivenUp(await timed(pool`select 1`));
    network.set({ kind: "open" });
    // The next calls may still meet one of the connections that are being given up: each ends at once, and none is forgotten.
    await Promise.all(Array.from({ length: 8 }, () => pool`select 1`.catch(() => undefined)));
    const answers = await Promise.all(
      Array.from({ length: 8 }, async (_, index) => pool`select ${index}::int as told`),
    );
    expect(answers.map(([row]) => row?.["told"] as number)).toEqual(Array.from({ length: 8 }, (_, index) => index));
  });

  it("resets many connections, and what is asked at that instant ends, and takes nobody else's answer", async ({
    line: { network, open },
  }) => {
    const pool = open({ connectionsMax: 4 });
    for (let round = 0; round < 3; round++) {
      await waitFor(async () => (await pool`select 1 as one`.catch(() => []))[0]?.["one"] === 1, {
        what: "it answers",
      });
      const ask = async (told: number) => [told, (await pool`select ${told}::int as told`)[0]?.["told"] as number];
      const asks = Array.from({ length: 8 }, async (_, index) => {
        await pool`select pg_sleep(1)`.catch(() => undefined);
        return ask(index);
      });
      await waitFor(() => network.connections === 4, { what: "all connections are in use" });
      network.reset();
      const outcomes = await Promise.allSettled(asks);
      const answers = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
      for (const [asked, told] of answers) expect(told).toBe(asked);
    }
  });

  it("costs a transaction that is at its commit at most the limit", async ({ line: { network, open } }) => {
    const pool = open(SOONER);
    const transaction = pool.begin(async (tx) => {
      await tx`insert into notes values ('perhaps')`;
      network.set({ kind: "swallowing" });
    });
    expectGivenUp(await timed(transaction));
    network.set({ kind: "open" });
    await answersAgain(pool);
  });

  it("does not silence a listener: it listens again, and says so", async ({ line: { network, open, direct } }) => {
    const pool = open(SOONER);
    const heard: string[] = [];
    let listens = 0;
    await pool.listen(
      "notes_channel",
      (payload) => heard.push(payload),
      () => (listens += 1),
    );
    network.set({ kind: "swallowing" });
    await waitFor(() => network.connections > 1, { what: "the listener's connection is replaced", timeoutMs: 12_000 });
    network.set({ kind: "open" });
    await waitFor(() => listens === 2, { what: "it listens again", timeoutMs: REPLACED_MS_MAX });
    await direct`select pg_notify('notes_channel', 'heard')`;
    await waitFor(() => heard.includes("heard"), { what: "it hears" });
  });

  it("is told by the watch within 10 s, with the instant, and its end too", async ({ line: { network, open } }) => {
    const watch = watchDatabase(open(SOONER));
    await waitFor(() => network.connections === 1, { what: "it has asked" });
    network.set({ kind: "swallowing" });
    const obstacle = await waitFor(() => watch.obstacle, { what: "it says so", timeoutMs: REPLACED_MS_MAX });
    expect(obstacle).toMatch(/^since \d{4}-.*Z nothing takes effect: the database does not answer/);
    network.set({ kind: "open" });
    await waitFor(() => watch.obstacle === null, { what: "it is well again", timeoutMs: REPLACED_MS_MAX });
    await watch.stop();
  });

  it("leaves a statement alone that takes its time, until the server ends it", async ({ line: { open } }) => {
    const pool = open({ statementMsMax: 2_000 });
    expect((await timed(pool`select pg_sleep(1.5)`)).outcome).toBe("answered");
    const { outcome } = await timed(pool`select pg_sleep(20)`);
    expect(outcome).toMatch(/canceling statement due to statement timeout/);
    expect((await timed(Promise.all([1, 2, 3].map(() => pool`select pg_sleep(1.5)`)))).outcome).toBe("answered");
  });
});

describe.concurrent("a connection that breaks during a transaction", () => {
  it.for(["reset", "terminated"] as const)(
    "%s between two statements: nothing is kept, and none reaches the session that takes its place",
    async (how, { line: { network, open, direct } }) => {
      const pool = open({ connectionsMax: 1 });
      const transaction = pool.begin(async (tx) => {
        const [row] = await tx<{ pid: number }[]>`insert into notes values ('first') returning pg_backend_pid() as pid`;
        if (how === "reset") network.reset();
        else await direct`select pg_terminate_backend(${row?.pid ?? 0})`;
        // Somebody else takes the pool's only place, so that a session is there again.
        await answersAgain(pool);
        await tx`insert into notes values ('second')`;
      });
      await expect(transaction).rejects.toThrow(/ECONNRESET|CONNECTION|terminat|gone/);
      await answersAgain(pool);
      expect(await direct`select * from notes`).toEqual([]);
    },
  );

  it("reset during a statement and during a savepoint: the call fails, and the process lives", async ({
    line: { network, open },
  }) => {
    const pool = open(SOONER);
    const sleeping = pool.begin(async (tx) => {
      await tx`select 1`;
      setTimeout(() => network.reset(), 50);
      await tx.savepoint((inner) => inner`select pg_sleep(5)`);
    });
    await expect(sleeping).rejects.toThrow(/ECONNRESET|CONNECTION|terminat|gone/);
    await answersAgain(pool);
  });
});

describe.concurrent("a database that takes no changes", () => {
  it("is found again behind the same address, because sessions that met 25006 are replaced", async ({
    line: { database, network, open, direct },
  }) => {
    // One session: a second one, opened later, would be a way around the first.
    const pool = open({ ...SOONER, connectionsMax: 1 });
    await pool`select 1`;
    const name = new URL(database.url).pathname.slice(1);
    const watch = watchDatabase(pool);
    await direct`alter database ${direct(name)} set default_transaction_read_only = on`;
    network.reset();
    const write = () => pool.begin((tx) => tx`insert into notes values ('kept')`);
    await waitFor(async () => (await timed(write())).outcome.includes("read-only"), { what: "a write is refused" });
    await waitFor(() => watch.obstacle?.endsWith("nothing takes effect: the database is read-only"), {
      what: "the watch says so",
    });
    await direct`set default_transaction_read_only = off`;
    await direct`alter database ${direct(name)} reset default_transaction_read_only`;
    await waitFor(async () => (await timed(write())).outcome === "answered", {
      what: "a session that may write takes its place",
      timeoutMs: REPLACED_MS_MAX,
    });
    await waitFor(() => watch.obstacle === null, { what: "the watch is content", timeoutMs: REPLACED_MS_MAX });
    await watch.stop();
  });
});
