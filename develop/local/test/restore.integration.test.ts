import { copyPostgres, startNetworkProxy, startPostgres, type RunningServer } from "@turno/servers";
import { connectToDatabase, type Sql } from "@turno/database";
import { waitFor } from "@turno/testing";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { judgeProduct, startProduct, type Product } from "./fixtures/running-product.ts";

const PER_SECOND = Number(process.env["PER_SECOND"] ?? 100);
/** Stored before the copy is made, between it and the loss of the server, and after. */
const STRETCH = Number(process.env["STRETCH"] ?? 150);

let folder: string;
let postgres: RunningServer;
let product: Product;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "turno-restore-"));
  // Root's Postgres runs as another user, who must be able to enter.
  await chmod(folder, 0o755);
});
afterEach(async () => {
  await product?.stop();
  await postgres?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function begin(settings: Record<string, string> = {}) {
  postgres = await startPostgres({ dataDir: join(folder, "postgres"), settings });
  product = await startProduct(postgres.url, 42);
  const play = product.meta.steady({ perSecond: PER_SECOND });
  const stored = async (more: number) => {
    const from = product.meta.ledger.acceptedCount;
    await waitFor(() => product.meta.ledger.acceptedCount >= from + more, {
      what: `${more} more messages are answered 200`,
      timeoutMs: 60_000,
    });
  };
  await stored(STRETCH);
  await waitFor(async () => (await product.count("messages")) > STRETCH / 2, { what: "they take effect" });
  return { play, stored };
}

/** Does something on a server that no service can reach. */
async function apart(dataDir: string, work: (sql: Sql) => Promise<unknown>): Promise<void> {
  const server = await startPostgres({ dataDir });
  const sql = connectToDatabase(server.url, { connectionsMax: 1, name: "operator" });
  try {
    await work(sql);
  } finally {
    await sql.end({ timeout: 1 });
    await server.stop();
  }
}

describe("what was answered 200 is not lost, and takes effect once and in order", () => {
  it("when Postgres is restored to an older copy of its data folder under load", async () => {
    const { play, stored } = await begin();
    const { port } = postgres;
    await product.send(20);
    await copyPostgres(postgres.url, { from: join(folder, "postgres"), to: join(folder, "copy") });
    await product.send(20);
    await stored(STRETCH);
    const had = await product.count("messages");
    await postgres.kill("SIGKILL");
    await stored(STRETCH / 4);
    // The procedure of docs/runbook.md, "Postgres was restored from a backup".
    await apart(join(folder, "copy"), (sql) => sql`select turno_begin_timeline()`);
    postgres = await startPostgres({ dataDir: join(folder, "copy"), port });
    expect(await product.count("messages")).toBeLessThan(had);
    await waitFor(() => product.restarts.length >= 5, { what: "every service began again", timeoutMs: 30_000 });
    await product.send(20);
    await stored(STRETCH);
    play.stop();
    expect(await judgeProduct(product)).toEqual([]);
    for (const line of product.restarts) expect(line).toContain("the database is on another timeline");
  }, 240_000);

  it("when a standby that lags is promoted", async () => {
    const { play, stored } = await begin();
    const { port } = postgres;
    const network = await startNetworkProxy({ port });
    const follows = new URL(postgres.url);
    follows.port = String(network.port);
    const copy = join(folder, "standby");
    await copyPostgres(postgres.url, { from: join(folder, "postgres"), to: copy }, follows.href);
    const standby = await startPostgres({ dataDir: copy });
    await waitFor(
      async () => (await product.sql`select from pg_stat_replication where state = 'streaming'`).length === 1,
      {
        what: "the standby follows",
      },
    );
    await stored(STRETCH / 2);
    network.set({ kind: "swallowing" });
    await product.send(20);
    await stored(STRETCH);
    await postgres.kill("SIGKILL");
    const sql = connectToDatabase(standby.url, { connectionsMax: 1, name: "operator" });
    await sql`select pg_promote()`;
    await sql.end({ timeout: 1 });
    await standby.stop();
    await network.close();
    postgres = await startPostgres({ dataDir: copy, port });
    await waitFor(() => product.restarts.length >= 5, { what: "every service began again", timeoutMs: 30_000 });
    await product.send(20);
    await stored(STRETCH);
    play.stop();
    expect(await judgeProduct(product)).toEqual([]);
  }, 240_000);

  it("when a server that does not sync its commits is killed", async () => {
    const { play, stored } = await begin({ synchronous_commit: "off", wal_writer_delay: "10000" });
    await product.send(20);
    await stored(STRETCH);
    await postgres.kill("SIGKILL");
    await postgres.restart();
    await waitFor(() => product.restarts.length >= 5, { what: "every service began again", timeoutMs: 30_000 });
    await stored(STRETCH);
    play.stop();
    expect(await judgeProduct(product)).toEqual([]);
  }, 240_000);
});
