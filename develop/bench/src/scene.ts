import { connectToDatabase, migrateDatabase, type Sql } from "@turno/database";
import { connectToNats, provisionAll, type Connection } from "@turno/messaging";
import {
  endProcess,
  startGuardedProcess,
  startNatsServer,
  startPostgres,
  startServiceProcess,
  type RunningServer,
} from "@turno/servers";
import { execFile } from "node:child_process";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { APP_SECRET } from "./webhooks.ts";

/** A process that is measured: one of our services, or a plain one. */
export interface MeasuredProcess {
  name: string;
  url: string;
  port: number;
  pid: number;
  kill(): Promise<void>;
}

export interface BenchBroker {
  url: string;
  pid: number;
  connection: Connection;
}

export interface Database {
  url: string;
  sql: Sql;
}

/** What a part of the benchmark is played on. All that it starts ends with the part. */
export interface BenchScene {
  isQuick: boolean;
  /** The full size of something, or the small one of `--quick`. */
  size(full: number, quick: number): number;
  /** The rounds to play: before those that count, two to warm up, whose figures are thrown away. */
  rounds(full: number): { round: number; counts: boolean }[];
  postgres(): Promise<RunningServer>;
  startBroker(options: { syncAlways: boolean }): Promise<BenchBroker>;
  createDatabase(): Promise<Database>;
  startService(name: string, environment?: Record<string, string>): Promise<MeasuredProcess>;
  /** Runs `develop/bench/src/plain/<name>.ts`, which says on a line of JSON where it listens. */
  startPlain(name: string, environment?: Record<string, string>): Promise<MeasuredProcess>;
  /** Calls this when the part is over. */
  onEnd(end: () => Promise<unknown> | void): void;
  progress(text: string): void;
}

/** What all parts share. */
export interface BenchStage {
  runPart<T>(play: (scene: BenchScene) => Promise<T>): Promise<T>;
  stop(): Promise<void>;
}

export interface BenchStageOptions {
  isQuick: boolean;
  rounds: number | null;
  /** Where V8 writes a CPU profile of each service at its end. */
  profileFolder: string | null;
  progress(text: string): void;
}

const WARM_UP_ROUNDS = 2;

/** As in `docker-compose.yml`: all that is worked on stays in memory, and no checkpoint falls into a round by the log's size. */
const POSTGRES = { shared_buffers: "1GB", max_wal_size: "8GB" };

export const GATEWAY_ENVIRONMENT = { WHATSAPP_APP_SECRETS: APP_SECRET, WHATSAPP_VERIFY_TOKENS: "bench-token" };

export async function createBenchStage(options: BenchStageOptions): Promise<BenchStage> {
  const folder = await mkdtemp(join(tmpdir(), "turno-bench-"));
  // Root's Postgres runs as another user, who must be able to enter.
  await chmod(folder, 0o755);
  let started: Promise<RunningServer> | null = null;
  const postgres = () => (started ??= startPostgres({ dataDir: join(folder, "postgres"), settings: POSTGRES }));
  let count = 0;
  return {
    runPart: async (play) => {
      const ends: (() => Promise<unknown> | void)[] = [];
      const parts = { ...options, folder, postgres, nextName: () => `bench_${(count += 1)}` };
      try {
        return await play(createScene(parts, (end) => ends.push(end)));
      } finally {
        for (const end of ends.toReversed()) await end();
      }
    },
    stop: async () => {
      await (await started)?.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

type SceneParts = BenchStageOptions & { folder: string; postgres: BenchScene["postgres"]; nextName(): string };

function createScene(parts: SceneParts, onEnd: BenchScene["onEnd"]): BenchScene {
  const { isQuick, postgres } = parts;
  return {
    isQuick,
    size: (full, quick) => (isQuick ? quick : full),
    rounds: (full) =>
      isQuick
        ? [{ round: 1, counts: true }]
        : Array.from({ length: (parts.rounds ?? full) + WARM_UP_ROUNDS }, (_, index) => ({
            round: index + 1 - WARM_UP_ROUNDS,
            counts: index >= WARM_UP_ROUNDS,
          })),
    postgres,
    onEnd,
    progress: (text) => parts.progress(text),
    startBroker: async ({ syncAlways }) => {
      const server = await startNatsServer({ storeDir: join(parts.folder, parts.nextName()), syncAlways });
      onEnd(() => server.stop());
      const connection = await connectToNats({ url: server.url, name: "bench" });
      onEnd(() => connection.close());
      await provisionAll(connection);
      return { url: server.url, pid: server.pid, connection };
    },
    createDatabase: async () => {
      const url = new URL((await postgres()).url);
      const name = parts.nextName();
      await askServer(url.href, (sql) => sql`create database ${sql(name)}`);
      onEnd(() =>
        askServer(url.href.replace(`/${name}`, "/turno"), (sql) => sql`drop database ${sql(name)} with (force)`),
      );
      url.pathname = `/${name}`;
      await migrateDatabase(url.href);
      const sql = connectToDatabase(url.href, { connectionsMax: 4, name: "bench", statementMsMax: 60_000 });
      onEnd(() => sql.end({ timeout: 1 }));
      return { url: url.href, sql };
    },
    startService: async (name, environment = {}) => {
      const profile = parts.profileFolder;
      const service = await startServiceProcess(name, {
        LOG_LEVEL: "info",
        ...(profile === null
          ? {}
          : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profile} --cpu-prof-name=${name}-\${pid}.cpuprofile` }),
        ...environment,
      });
      onEnd(() => (profile === null ? service.kill("SIGKILL") : service.stop()));
      return { name, url: service.url, port: service.port, pid: service.pid, kill: () => service.kill("SIGKILL") };
    },
    startPlain: async (name, environment = {}) => {
      const plain = await startPlain(name, environment);
      onEnd(() => plain.kill());
      return plain;
    },
  };
}

async function askServer(url: string, ask: (sql: Sql) => Promise<unknown>): Promise<void> {
  const sql = connectToDatabase(url, { connectionsMax: 1, name: "bench", statementMsMax: 60_000 });
  try {
    await ask(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

async function startPlain(name: string, environment: Record<string, string>): Promise<MeasuredProcess> {
  const { promise: listening, resolve } = Promise.withResolvers<number>();
  const running = await startGuardedProcess({
    command: process.execPath,
    args: [fileURLToPath(new URL(`plain/${name}.ts`, import.meta.url))],
    environment: { ...process.env, ...environment },
    orphanSignal: "KILL",
    onLine: (line) => {
      if (line.startsWith('{"port":')) resolve((JSON.parse(line) as { port: number }).port);
    },
  });
  const exited = running.exited.then(() => {
    throw new Error(`${name} ended while starting:\n${running.lastLines().slice(-12).join("\n")}`);
  });
  exited.catch(() => undefined);
  const port = await Promise.race([listening, exited]);
  const kill = async () => void (await endProcess(running, "SIGKILL", 5_000));
  return { name, url: `http://127.0.0.1:${port}`, port, pid: running.pid, kill };
}

/**
 * Keeps a measured server on the first core and all else away from it, so that what the load generator does to the
 * caches does not count as the server's. Where the system cannot, the figures are only noisier.
 */
export async function pinToCore(pid: number, core: number): Promise<void> {
  if (availableParallelism() < 2) return;
  await promisify(execFile)("taskset", ["-acp", String(core), String(pid)]).catch(() => undefined);
}
