import { connectToDatabase, type Sql } from "@turno/database";
import { copyPostgres, startNetworkProxy, startPostgres, type RunningServer } from "@turno/servers";
import { between, type Random } from "@turno/simulator";
import { setTimeout as pause } from "node:timers/promises";
import { join } from "node:path";
import type { Fault, FaultScene } from "../fault.ts";
import { POSTGRES_SETTINGS, type ProveStage } from "../stage.ts";

const goesOn = (random: Random) => pause(between(random, 500, 2_500));

async function operate(server: RunningServer, work: (sql: Sql) => Promise<unknown>): Promise<void> {
  const sql = connectToDatabase(server.url, { connectionsMax: 1, name: "operator" });
  try {
    await work(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** Starts Postgres on another folder, in the place of the one that is gone. */
async function takeOver(stage: ProveStage, dataDir: string): Promise<void> {
  const { port } = stage.postgres;
  stage.postgres = await startPostgres({ dataDir, port, settings: POSTGRES_SETTINGS });
  stage.dataDir = dataDir;
}

/** The procedure of docs/runbook.md: a copy made while the server ran, a new timeline, and the copy takes its place. */
const restore: Fault = {
  name: "restore of Postgres from an older copy",
  excuses: ["database-goes-back"],
  play: async ({ stage, random }: FaultScene) => {
    const copy = join(stage.folder, `copy-${performance.now().toFixed(0)}`);
    await copyPostgres(stage.postgres.url, { from: stage.dataDir, to: copy });
    await goesOn(random);
    await stage.postgres.kill("SIGKILL");
    const apart = await startPostgres({ dataDir: copy });
    await operate(apart, (sql) => sql`select turno_begin_timeline()`);
    await apart.stop();
    await takeOver(stage, copy);
  },
};

const failover: Fault = {
  name: "failover to a standby that lags",
  excuses: ["database-goes-back"],
  play: async ({ stage, random }: FaultScene) => {
    const copy = join(stage.folder, `standby-${performance.now().toFixed(0)}`);
    const network = await startNetworkProxy({ port: stage.postgres.port });
    const follows = new URL(stage.postgres.url);
    follows.port = String(network.port);
    await copyPostgres(stage.postgres.url, { from: stage.dataDir, to: copy }, follows.href);
    const standby = await startPostgres({ dataDir: copy });
    await pause(between(random, 200, 1_000));
    network.set({ kind: "swallowing" });
    await goesOn(random);
    await stage.postgres.kill("SIGKILL");
    await operate(standby, (sql) => sql`select pg_promote()`);
    await standby.stop();
    await network.close();
    await takeOver(stage, copy);
  },
};

export const DATABASE_FAULTS: readonly Fault[] = [restore, failover];
