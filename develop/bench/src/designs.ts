import { encodeInboundRecord, inboundSubject, PARTITION_COUNT, STREAMS, type InboundLine } from "@turno/contracts";
import { createPublisher, readLogEnd, type Publisher } from "@turno/messaging";
import { checkEffects, checkPositions, eventCountOf, eventsEnd, waitUntil } from "./ledger.ts";
import { PLAIN_SUBJECT, provisionPlainStream } from "./plain/plain-contract.ts";
import { populate, writeConfiguration, type BenchTraffic } from "./population.ts";
import {
  GATEWAY_ENVIRONMENT,
  type BenchBroker,
  type Database,
  type MeasuredProcess,
  type BenchScene,
} from "./scene.ts";
import { APP_SECRET, createBody, createLines, createRequest } from "./webhooks.ts";

/** One way to build the whole: its broker, its database, its processes. */
export interface Design {
  name: string;
  broker: BenchBroker;
  database: Database;
  gateway: MeasuredProcess | null;
  routers: MeasuredProcess[];
  /**
   * Makes ready what its gateway would store of messages, and gives what puts it where its router reads: the making is the
   * generator's work and belongs to no measured time. That resolves when all are stored.
   */
  prepareFeed(lines: readonly InboundLine[]): () => Promise<void>;
  /** Throws unless all of the traffic took effect once and nothing else did. */
  check(traffic: BenchTraffic, eventsBefore: number): Promise<void>;
}

export interface DesignOptions {
  stored: number;
  syncAlways: boolean;
  withGateway: boolean;
  capacity?: number;
}

/** Updates that a gateway under load stores together. */
const LINES_PER_RECORD = 64;

/** Ours: real services on a broker and a database of their own. */
export async function startOurs(
  scene: BenchScene,
  options: DesignOptions & { routers: number; routerEnvironment?: Record<string, string> },
): Promise<Design> {
  const { broker, database } = await startServers(scene, options);
  const { connection } = broker;
  const environment = { NATS_URL: broker.url, DATABASE_URL: database.url };
  const gateway = options.withGateway
    ? await scene.startService("gateway", { ...environment, ...GATEWAY_ENVIRONMENT })
    : null;
  const routers: MeasuredProcess[] = [];
  for (let count = 0; count < options.routers; count++) {
    routers.push(await scene.startService("router", { ...environment, ...options.routerEnvironment }));
  }
  await waitForShares(database, options.routers);
  const publisher = createPublisher(connection);
  scene.onEnd(() => publisher.close());
  return {
    name: `turno, ${options.routers} router(s)`,
    broker,
    database,
    gateway,
    routers,
    prepareFeed: (lines) => prepareRecords(publisher, lines),
    check: async (traffic, eventsBefore) => {
      await checkEffects({ connection, sql: database.sql, name: "turno" }, traffic, eventsBefore);
      await checkPositions(database.sql, (await readLogEnd(connection, STREAMS.inbound)).lastSequence);
    },
  };
}

/** The plain one: `plain-gateway` and `plain-router`, with the same event stream and the same tables. */
export async function startPlainDesign(scene: BenchScene, options: DesignOptions): Promise<Design> {
  const { broker, database } = await startServers(scene, options);
  const { connection } = broker;
  await provisionPlainStream(connection);
  const environment = { NATS_URL: broker.url, DATABASE_URL: database.url, APP_SECRET };
  const gateway = options.withGateway ? await scene.startPlain("plain-gateway", environment) : null;
  const router = await scene.startPlain("plain-router", environment);
  const publisher = createPublisher(connection);
  scene.onEnd(() => publisher.close());
  return {
    name: "plain",
    broker,
    database,
    gateway,
    routers: [router],
    prepareFeed: (lines) => {
      const messages = lines.map(({ json }) => toPlain(json));
      return async () => {
        await Promise.all(messages.map((text) => publisher.publish(PLAIN_SUBJECT, text, { timeoutMs: 60_000 })));
      };
    },
    check: (traffic, eventsBefore) =>
      checkEffects({ connection, sql: database.sql, name: "plain" }, traffic, eventsBefore),
  };
}

async function startServers(scene: BenchScene, { stored, syncAlways, capacity }: DesignOptions) {
  const [broker, database] = await Promise.all([scene.startBroker({ syncAlways }), scene.createDatabase()]);
  await writeConfiguration(database.sql, capacity ?? null);
  if (stored > 0) await populate(database.sql, stored);
  return { broker, database };
}

/** The routers have shared out the partitions evenly. */
async function waitForShares(database: Database, routers: number): Promise<void> {
  const share = Math.floor(PARTITION_COUNT / routers);
  await waitUntil(`${routers} routers with ${share} partitions each`, async () => {
    const held = await database.sql<{ count: number }[]>`
      select count(*)::int as count from log_positions where owner is not null group by owner`;
    return held.length === routers && held.every(({ count }) => count >= share);
  });
}

function prepareRecords(publisher: Publisher, lines: readonly InboundLine[]): () => Promise<void> {
  const records: ReturnType<typeof encodeInboundRecord>[] = [];
  for (let first = 0; first < lines.length; first += LINES_PER_RECORD) {
    records.push(encodeInboundRecord(lines.slice(first, first + LINES_PER_RECORD)));
  }
  return async () => {
    for (const { payload, headers } of records) {
      await publisher.publish(inboundSubject("message"), payload, { headers, timeoutMs: 10_000 });
    }
  };
}

/** What the plain gateway makes of the same message. */
function toPlain(json: string): string {
  const line = JSON.parse(json) as { metadata: object; contacts: object[]; update: object; receivedAt: string };
  const { metadata, contacts, update, receivedAt } = line;
  return JSON.stringify({ metadata, contact: contacts[0], message: update, receivedAt });
}

export const toLines = (traffic: BenchTraffic): InboundLine[] =>
  traffic.messages.flatMap((message) => createLines(createBody([message])));

export const toRequests = (traffic: BenchTraffic): Buffer[] =>
  traffic.messages.map((message) => createRequest(createBody([message])));

/** Feeds the traffic to the design's router and gives the seconds until its last event. */
export async function timeRouter(
  design: Design,
  traffic: BenchTraffic,
  onLastEvent?: () => Promise<void>,
): Promise<number> {
  return timeUntilEvents(design, traffic, { send: design.prepareFeed(toLines(traffic)), onLastEvent });
}

/**
 * Sends, waits until the last event of the traffic is stored, checks it all, and gives the seconds. `onLastEvent` is
 * called before the check, for what counts up to there.
 */
export async function timeUntilEvents(
  design: Design,
  traffic: BenchTraffic,
  steps: { send: () => Promise<unknown>; onLastEvent?: (() => Promise<void>) | undefined },
): Promise<number> {
  const { connection } = design.broker;
  const before = await eventsEnd(connection);
  const count = eventCountOf(traffic);
  const startedAt = performance.now();
  await steps.send();
  await waitUntil(`${design.name}: ${count} events`, async () => (await eventsEnd(connection)) >= before + count);
  const seconds = (performance.now() - startedAt) / 1000;
  await steps.onLastEvent?.();
  await design.check(traffic, before);
  return seconds;
}
