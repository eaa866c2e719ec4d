import { NATS_USERS, passwordKey, writeNatsPermissions, type NatsUser } from "@turno/contracts";
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { messageOf, ServerFailure, type Progress } from "./failure.ts";
import { findNatsServer } from "./nats-binary.ts";
import { superviseServer, type RunningServer } from "./supervised-server.ts";

const MAX_PAYLOAD_BYTES = 8 * 1024 * 1024;
/**
 * The server's own default is three quarters of what is free on the disk when it starts: the more it holds, the less it may
 * hold at its next start, until it stores nothing any more (10023).
 */
const STORE_BYTES_MAX = 256 * 1024 ** 3;

export interface NatsServerOptions {
  /** Where streams are kept; also holds the server's configuration. */
  storeDir: string;
  /** A free one by default. */
  port?: number;
  /** Whether each stored message is on disk before it is acknowledged; true by default. */
  syncAlways?: boolean;
  /** The largest message that it takes; 8 MiB by default. */
  maxPayloadBytes?: number;
  /** How much all streams together may hold. */
  storeBytesMax?: number;
  /** Whether JetStream refuses requests with members that it does not know; true by default. */
  isApiStrict?: boolean;
  /** Serves the server's own figures on this loopback port; off by default. */
  monitoringPort?: number;
  onProgress?: Progress;
}

export interface RunningNatsServer extends RunningServer {
  /** Where a client connects with the rights of a user. At `url` whoever shows no password may do all. */
  urlOf: (user: NatsUser) => string;
  /** Where the streams lie; removing it while the server is down is the loss of its disk. */
  streamsFolder: string;
}

/** A server's place among others that form a cluster. */
export interface ClusterPlace {
  serverName: string;
  /** Where the others reach it, and where it reaches them. */
  routePort: number;
  routePorts: readonly number[];
}

function writeCluster({ routePort, routePorts }: ClusterPlace): string {
  const routes = routePorts.map((port) => `"nats-route://127.0.0.1:${port}"`).join(", ");
  return `cluster { name: turno-local, listen: "127.0.0.1:${routePort}", routes: [${routes}] }`;
}

function configuration(options: NatsServerOptions, port: number, place?: ClusterPlace): string {
  const { maxPayloadBytes = MAX_PAYLOAD_BYTES, storeBytesMax = STORE_BYTES_MAX } = options;
  const lines = [
    `server_name: ${place?.serverName ?? "turno-local"}`,
    `host: "127.0.0.1"`,
    `port: ${port}`,
    `max_payload: ${maxPayloadBytes}`,
    `max_pending: ${8 * MAX_PAYLOAD_BYTES}`,
    `jetstream {`,
    `  store_dir: ${JSON.stringify(options.storeDir)}`,
    `  max_file_store: ${storeBytesMax}`,
    `  strict: ${options.isApiStrict ?? true}`,
    ...((options.syncAlways ?? true) ? [`  sync_interval: always`] : []),
    `}`,
  ];
  if (options.monitoringPort !== undefined) lines.push(`http: "127.0.0.1:${options.monitoringPort}"`);
  if (place !== undefined) lines.push(writeCluster(place));
  return `${lines.join("\n")}\n${writeNatsPermissions({ isOpen: true })}`;
}

/** A letter comes first, because nats-server reads its environment as it reads its configuration: digits are a number. */
const makePassword = () => `n${randomBytes(16).toString("hex")}`;

/** Shakes hands as a client does: the server greets with what it is, and answers a ping. */
function greet(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let heard = "";
    const end = (fault: Error | null) => {
      socket.destroy();
      if (fault === null) resolve();
      else reject(fault);
    };
    socket.setTimeout(1000, () => end(new ServerFailure("it accepts connections and says nothing")));
    socket.once("error", end);
    socket.once("close", () => end(new ServerFailure("it closed the connection")));
    socket.once("connect", () => socket.write('CONNECT {"verbose":false}\r\nPING\r\n'));
    socket.on("data", (bytes) => {
      heard += bytes.toString("latin1");
      if (heard.includes("-ERR")) end(new ServerFailure(heard.trim()));
      if (!heard.includes("PONG\r\n")) return;
      end(heard.includes('"jetstream":true') ? null : new ServerFailure("JetStream is not on yet"));
    });
  });
}

export type Passwords = ReadonlyMap<NatsUser, string>;

export function makePasswords(): Passwords {
  return new Map(NATS_USERS.map((user) => [user, makePassword()]));
}

/** Starts one server, alone or in its place of a cluster. Throws a `PortTakenFailure` or a `ServerFailure` with its last lines. */
export async function superviseNats(
  options: NatsServerOptions,
  passwords: Passwords,
  place?: ClusterPlace,
): Promise<RunningServer> {
  const binary = await findNatsServer(options.onProgress === undefined ? {} : { onProgress: options.onProgress });
  try {
    await mkdir(options.storeDir, { recursive: true });
  } catch (error) {
    throw new ServerFailure(`cannot keep streams in ${options.storeDir}: ${messageOf(error)}`);
  }
  const configFile = join(options.storeDir, "nats-server.conf");
  const environment = Object.fromEntries([...passwords].map(([user, password]) => [passwordKey(user), password]));
  return superviseServer({
    name: `nats-server ${binary.version}`,
    port: options.port,
    url: (port) => `nats://127.0.0.1:${port}`,
    launch: async (port) => {
      await writeFile(configFile, configuration(options, port, place));
      // What it has acknowledged is on disk, so an orphan need not end in order.
      return {
        command: binary.path,
        args: ["--config", configFile],
        environment: { ...process.env, ...environment },
        orphanSignal: "KILL",
      };
    },
    isReady: greet,
    stopSignal: "SIGTERM",
    isWorthRetrying: () => false,
  });
}

/**
 * Starts a nats-server with JetStream on the loopback address and waits until it answers. Throws a `PortTakenFailure`
 * or a `ServerFailure` with its last lines. It never outlives this process. Its users are those of a deployed one, with
 * passwords of their own at each start.
 */
export async function startNatsServer(options: NatsServerOptions): Promise<RunningNatsServer> {
  const passwords = makePasswords();
  const server = await superviseNats(options, passwords);
  const urlOf = (user: NatsUser) => `nats://${user}:${passwords.get(user)}@127.0.0.1:${server.port}`;
  return Object.assign(server, { urlOf, streamsFolder: join(options.storeDir, "jetstream") });
}
