import { execFile } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { chown, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import postgres from "postgres";
import { messageOf, ServerFailure, type Progress } from "./failure.ts";
import { findPostgres, type PostgresBinaries } from "./postgres-binary.ts";
import { superviseServer, type RunningServer } from "./supervised-server.ts";
import { canUser, postgresUser, type SystemUser } from "./system-user.ts";

const SUPERUSER = "turno";
const DATABASE = "turno";
const PASSWORD_FILE = "turno-password";
const CONNECTIONS_MAX = 300;

export interface PostgresOptions {
  /** Made by the first start, used again by later ones. */
  dataDir: string;
  /** A free one by default. */
  port?: number;
  /** Beside those that every server of ours has, by their names in Postgres. */
  settings?: Readonly<Record<string, string>>;
  onProgress?: Progress;
}

/** A folder that only Postgres' user can open, as Postgres demands it. */
async function makePrivateFolder(path: string, user: SystemUser | null): Promise<void> {
  await mkdir(path, { mode: 0o700 });
  if (user !== null) await chown(path, user.uid, user.gid);
}

/**
 * Makes the data folder as one step: a start that is interrupted leaves no half-made one behind. Its random password
 * is kept in it, readable by Postgres' user alone.
 */
async function createDataFolder(binaries: PostgresBinaries, dataDir: string, user: SystemUser | null): Promise<void> {
  const draft = `${dataDir}.draft-${randomUUID()}`;
  const passwordFile = `${draft}.password`;
  try {
    await makePrivateFolder(draft, user);
    await writeFile(passwordFile, randomBytes(24).toString("base64url"), { mode: 0o600 });
    if (user !== null) await chown(passwordFile, user.uid, user.gid);
    const args = [
      `--pgdata=${draft}`,
      `--username=${SUPERUSER}`,
      `--pwfile=${passwordFile}`,
      "--auth=scram-sha-256",
      "--encoding=UTF8",
      "--locale=C",
      "--locale-provider=builtin",
      "--builtin-locale=C.UTF-8",
      "--no-instructions",
    ];
    await promisify(execFile)(binaries.initdb, args, { cwd: "/", ...user });
    await rename(passwordFile, join(draft, PASSWORD_FILE));
    await rename(draft, dataDir);
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim() ?? "";
    throw new ServerFailure(`the data folder ${dataDir} could not be made: ${said || messageOf(error)}`);
  } finally {
    await rm(draft, { recursive: true, force: true });
    await rm(passwordFile, { force: true });
  }
}

async function readPassword(dataDir: string): Promise<string | null> {
  try {
    return await readFile(join(dataDir, PASSWORD_FILE), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new ServerFailure(`${dataDir} is not a data folder of ours: ${messageOf(error)}`);
  }
}

async function openDataFolder(binaries: PostgresBinaries, options: PostgresOptions, user: SystemUser | null) {
  const { dataDir } = options;
  await mkdir(dirname(dataDir), { recursive: true, mode: 0o755 });
  const kept = await readPassword(dataDir);
  if (kept !== null) return kept;
  if (!(await canUser(user, "x", dirname(dataDir)))) {
    throw new ServerFailure(
      `the user ${user?.name ?? "who runs this"} cannot enter ${dirname(dataDir)}, and Postgres must run as that user. ` +
        "Keep the data in a folder that everybody may enter, such as one below /var/tmp.",
    );
  }
  options.onProgress?.("making the database's data folder");
  await createDataFolder(binaries, dataDir, user);
  return (await readPassword(dataDir)) ?? "";
}

function toArguments({ dataDir, settings }: PostgresOptions, port: number): string[] {
  const values = {
    port,
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    max_connections: CONNECTIONS_MAX,
    fsync: "on",
    synchronous_commit: "on",
    jit: "off",
    timezone: "UTC",
    log_timezone: "UTC",
    log_checkpoints: "off",
    ...settings,
  };
  return ["-D", dataDir, ...Object.entries(values).flatMap(([name, value]) => ["-c", `${name}=${value}`])];
}

async function askDatabase<T>(url: string, ask: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  // A server that is just ending may break the driver's question for its types, whose failure nobody catches.
  const sql = postgres(url, { max: 1, connect_timeout: 5, fetch_types: false, onnotice: () => undefined });
  try {
    return await ask(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** After SIGKILL the last backends go a moment later than the server; a new one refuses to start until then. */
function isStillEnding(lastLines: string[]): boolean {
  return lastLines.some((line) => /pre-existing shared memory block/.test(line));
}

/**
 * Starts a Postgres on the loopback address and waits until it answers queries. Its database is `turno`. Throws a
 * `PortTakenFailure` or a `ServerFailure` that says what to do. It never outlives this process.
 */
export async function startPostgres(options: PostgresOptions): Promise<RunningServer> {
  const user = await postgresUser();
  const binaries = await findPostgres(user, options.onProgress === undefined ? {} : { onProgress: options.onProgress });
  const password = await openDataFolder(binaries, options, user);
  const urlOf = (port: number, database: string) => `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/${database}`;
  const server = await superviseServer({
    name: "Postgres",
    port: options.port,
    url: (port) => urlOf(port, DATABASE),
    launch: async (port) => ({
      command: binaries.postgres,
      args: toArguments(options, port),
      cwd: "/",
      ...(user === null ? {} : { user: { uid: user.uid, gid: user.gid } }),
      // Immediate shutdown: what was committed is in the log and is there after the next start.
      orphanSignal: "QUIT",
    }),
    isReady: (port) => askDatabase(urlOf(port, "postgres"), async (sql) => void (await sql`select 1`)),
    stopSignal: "SIGINT",
    isWorthRetrying: isStillEnding,
  });
  await askDatabase(urlOf(server.port, "postgres"), async (sql) => {
    const found = await sql`select 1 from pg_database where datname = ${DATABASE}`;
    if (found.length === 0) await sql`create database ${sql(DATABASE)}`;
  });
  return server;
}
