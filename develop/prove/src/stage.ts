import type { NatsUser } from "@turno/contracts";
import { connectToDatabase, DATABASE_SERVICES, migrateDatabase, type Sql } from "@turno/database";
import { developmentAddress, developmentPasswords } from "@turno/database/development-roles";
import { connectToNats, type Connection } from "@turno/messaging";
import { startPostgres, type RunningNatsCluster, type RunningNatsServer, type RunningServer } from "@turno/servers";
import {
  createCustomers,
  createGraphServer,
  createRandom,
  createSimulator,
  type GraphServer,
  type Simulator,
} from "@turno/simulator";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installAudits } from "./audits.ts";
import { startBroker, type Broker, type Ground } from "./broker.ts";
import { CHANNELS, configurePeople } from "./people.ts";
import { startFront } from "./front.ts";
import { startPart, type ServicePart, type Peer, type PeerAddress } from "./part.ts";

const APP_SECRET = "prove-secret";
const TOKEN = "prove-token";
const CUSTOMERS_MAX = 6_000;

/** Every process of Turno, several of each kind, with what they stand on, and a network between every two of them. */
export interface ProveStage {
  folder: string;
  /** Another one after a restore or a failover, on the same port. */
  postgres: RunningServer;
  dataDir: string;
  ground: Ground;
  /** Null where there is a cluster. */
  nats: RunningNatsServer | null;
  cluster: RunningNatsCluster | null;
  /** Where the parts find each of them: changed where another takes its place. */
  addresses: Record<Peer, PeerAddress>;
  parts: readonly ServicePart[];
  /** The judge's own connections, through networks that no fault touches. */
  sql: Sql;
  connection: Connection;
  simulator: Simulator;
  graph: GraphServer;
  stop(): Promise<void>;
}

export interface ProveStageOptions {
  seed: number;
  counts: Partial<Record<NatsUser, number>>;
  ground: Ground;
}

export const FULL_COUNTS = {
  provisioner: 1,
  gateway: 2,
  router: 3,
  "session-tracker": 2,
  sender: 2,
  inbox: 1,
} as const;

export const POSTGRES_SETTINGS = { shared_buffers: "256MB", max_wal_size: "4GB" };
/** The judge reads whole tables. */
const JUDGE_STATEMENT_MS = 60_000;

/** A call to Meta is given up sooner than by default, so that a round need not wait a minute for a killed sender's lease. */
const SENDER = {
  WHATSAPP_ACCESS_TOKEN: TOKEN,
  SEND_TIMEOUT_MS: "2000",
  SEND_LEASE_MS: "4000",
  RETRY_UNIT_MS: "100",
  NUMBER_RATE_PER_SECOND: "1000",
  PAIR_INTERVAL_MS: "1",
};
const GATEWAY = { STOP_GRACE_MS: "0", WHATSAPP_APP_SECRETS: APP_SECRET, WHATSAPP_VERIFY_TOKENS: "prove-verify" };

export async function createProveStage(options: ProveStageOptions): Promise<ProveStage> {
  const folder = await mkdtemp(join(tmpdir(), "turno-prove-"));
  // Root's Postgres runs as another user, who must be able to enter.
  await chmod(folder, 0o755);
  const ends: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  const stop = async () => {
    for (const end of ends.toReversed()) await end();
  };
  try {
    return await build(options, folder, ends, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function build(
  options: ProveStageOptions,
  folder: string,
  ends: (() => Promise<unknown>)[],
  stop: ProveStage["stop"],
): Promise<ProveStage> {
  const dataDir = join(folder, "postgres");
  const [postgres, broker] = await Promise.all([
    startPostgres({ dataDir, settings: POSTGRES_SETTINGS }),
    startBroker(options.ground, join(folder, "nats")),
  ]);
  ends.push(
    () => stage.postgres.stop(),
    () => broker.stop(),
  );
  await migrateDatabase(postgres.url, { passwords: developmentPasswords(postgres.url) });
  await prepareHostClock(postgres.url);

  const parts: ServicePart[] = [];
  const gateways = () => parts.filter(({ service }) => service === "gateway").map(({ port }) => port);
  const front = await startFront(gateways);
  ends.push(() => front.close());
  const simulator = createMeta(options.seed, front.port);
  ends.push(() => simulator.stop());
  const random = createRandom(options.seed + 2);
  const limits = { numberLimit: null, pairLimit: null };
  const graph = await createGraphServer({ simulator, accessTokens: [TOKEN], random, now: Date.now, ...limits });
  ends.push(() => graph.stop());

  const addresses = {
    nats: { port: broker.server?.port ?? 0 },
    postgres: { port: postgres.port },
    graph: { port: Number(new URL(graph.url).port) },
  };
  const sql = connectToDatabase(postgres.url, { connectionsMax: 4, name: "prove", statementMsMax: JUDGE_STATEMENT_MS });
  ends.push(() => sql.end({ timeout: 1 }));
  const connection = await connectToNats({ url: broker.url, name: "prove" });
  ends.push(() => connection.close());

  ends.push(() => Promise.all(parts.map((part) => part.close())));
  const { counts } = options;
  const wanted = (Object.keys(counts) as NatsUser[]).flatMap((service) =>
    Array.from({ length: counts[service] ?? 0 }, (_, index) => ({ service, name: `${service} ${index + 1}` })),
  );
  const stage: ProveStage = {
    folder,
    postgres,
    dataDir,
    ground: options.ground,
    nats: broker.server,
    cluster: broker.cluster,
    addresses,
    parts,
    sql,
    connection,
    simulator,
    graph,
    stop,
  };
  for (const one of wanted)
    parts.push(await startPart({ ...one, folder, ...surroundings(stage, broker, one.service) }));
  await installAudits(sql);
  await configurePeople(stage);
  return stage;
}

/** Lets a fault shift the clock that Postgres's host shows: what is looked up finds this schema before Postgres's own. */
async function prepareHostClock(url: string): Promise<void> {
  const sql = connectToDatabase(url, { connectionsMax: 1, name: "prove" });
  await sql.unsafe("create schema host; grant usage on schema host to public");
  await shiftHostClock(sql, 0);
  await sql.unsafe("alter database turno set search_path = host, pg_catalog, public");
  await sql.end({ timeout: 1 });
}

/** Has every statement that asks for the time see one that is off by so much. */
export async function shiftHostClock(sql: Sql, byMs: number): Promise<void> {
  await sql.unsafe(
    `create or replace function host.clock_timestamp() returns timestamptz language sql volatile
     as 'select pg_catalog.clock_timestamp() + interval ''${byMs} milliseconds'''`,
  );
}

function createMeta(seed: number, port: number): Simulator {
  return createSimulator({
    url: `http://127.0.0.1:${port}/webhooks/whatsapp`,
    appSecret: APP_SECRET,
    random: createRandom(seed),
    now: Date.now,
    customers: createCustomers({ count: CUSTOMERS_MAX, random: createRandom(seed + 1) }),
    channels: CHANNELS,
    delivery: {
      concurrency: 24,
      repeatShare: 0.05,
      delayShare: 0.05,
      delayMsMax: 300,
      retryMs: 50,
      retryMsMax: 500,
      timeoutMs: 3_000,
    },
  });
}

function through(url: string, port: number): string {
  const changed = new URL(url);
  changed.port = String(port);
  return changed.href;
}

function surroundings({ postgres, addresses }: ProveStage, broker: Broker, service: NatsUser) {
  const replicas = { INBOUND_REPLICAS: String(broker.replicas), EVENTS_REPLICAS: String(broker.replicas) };
  const own =
    service === "provisioner" ? replicas : service === "gateway" ? GATEWAY : service === "sender" ? SENDER : {};
  const role = DATABASE_SERVICES.find((name) => name === service);
  return {
    peers: {
      // The client of a cluster learns where its servers are, and would go around a network in between.
      ...(broker.cluster === null ? { nats: addresses.nats } : {}),
      ...(role === undefined ? {} : { postgres: addresses.postgres }),
      ...(service === "sender" ? { graph: addresses.graph } : {}),
    },
    environment: (ports: Record<Peer, number>) => ({
      LOG_LEVEL: "info",
      NATS_URL: broker.cluster === null ? through(broker.urlOf(service), ports.nats) : broker.urlOf(service),
      ...(role === undefined ? {} : { DATABASE_URL: through(developmentAddress(postgres.url, role), ports.postgres) }),
      ...(service === "sender" ? { GRAPH_URL: `http://127.0.0.1:${ports.graph}` } : {}),
      ...own,
    }),
  };
}
