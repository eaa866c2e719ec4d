import {
  assignQueued,
  connectToDatabase,
  GROUPS_CHANNEL,
  listWaitingGroups,
  migrateDatabase,
  requeueDue,
  type Sql,
} from "@turno/database";
import {
  answerCommands,
  connectToNats,
  createPublisher,
  EVENTS_STREAM,
  INBOUND_STREAM,
  provisionStream,
  type Connection,
  type PartitionReader,
} from "@turno/messaging";
import { createRelay, type Relay } from "@turno/relay";
import {
  addOperationsRoutes,
  createIdSource,
  createLogger,
  listen,
  loadConfig,
  runService,
  type Readiness,
  type RunningService,
} from "@turno/runtime";
import { Hono } from "hono";
import { randomUUID } from "node:crypto";
import { createAssigner } from "./assigner.ts";
import { createCommandHandlers } from "./commands.ts";
import { configSchema, type Config } from "./config.ts";
import { readInbound } from "./inbound.ts";
import { createRouterMetrics, type RouterMetrics } from "./metrics.ts";
import { createRequeuer } from "./requeuer.ts";

const logger = createLogger("router", process.env["LOG_LEVEL"] ?? "info");
const createId = createIdSource();

/** Makes sure of the schema and the streams before anything works on them. */
async function connect(config: Config): Promise<{ connection: Connection; sql: Sql }> {
  const connection = await connectToNats({ url: config.NATS_URL, name: "turno-router" });
  await migrateDatabase(config.DATABASE_URL);
  await provisionStream(connection, INBOUND_STREAM);
  await provisionStream(connection, EVENTS_STREAM);
  const options = { connectionsMax: config.DATABASE_CONNECTIONS_MAX, name: "turno-router" };
  return { connection, sql: connectToDatabase(config.DATABASE_URL, options) };
}

/** What others ask of a router, once it is there. */
interface Parts {
  inbound: PartitionReader | null;
  relay: Relay | null;
  holdsFirstPartition: boolean;
}

async function start(config: Config): Promise<RunningService> {
  const parts: Parts = { inbound: null, relay: null, holdsFirstPartition: false };
  const metrics = createRouterMetrics({
    lagRecords: () => parts.inbound?.status().lagRecords ?? 0,
    partitions: () => parts.inbound?.status().partitions ?? 0,
    isRelay: () => parts.relay?.isLeader ?? false,
  });
  const fail = (stage: string) => (error: unknown) => {
    metrics.failures.inc({ stage });
    logger.warn({ err: error, stage }, "a failure, going on");
  };
  const { connection, sql } = await connect(config);
  const relay = startRelay(config, connection, metrics, fail("relay"));
  const assigner = createAssigner({
    assign: (groupId) => assignQueued(sql, groupId, createId),
    onAssigned: (count) => metrics.assigned.inc(count),
    onFailure: fail("assign"),
  });
  const assignAllWaiting = () => {
    listWaitingGroups(sql).then((groupIds) => assigner.trigger(groupIds), fail("assign"));
  };
  const inbound = readInbound({
    config,
    sql,
    connection,
    metrics,
    owner: randomUUID(),
    createId,
    onQueued: (groupIds) => assigner.trigger(groupIds),
    onPartitionsChange: (partitions) => {
      logger.info({ partitions: partitions.length }, "holds partitions");
      parts.holdsFirstPartition = partitions.includes(0);
      // Whoever held them before may have died between a conversation's opening and its assignment.
      assignAllWaiting();
    },
    onFailure: fail("inbound"),
  });
  const requeuer = createRequeuer({
    isLooking: () => parts.holdsFirstPartition,
    requeue: (look) => requeueDue(sql, { ...look, createId }),
    onRequeued: (count) => metrics.requeued.inc(count),
    onFailure: fail("requeue"),
  });
  const commands = answerCommands(connection, {
    service: "router",
    handlers: createCommandHandlers(sql, (groupIds) => assigner.trigger(groupIds), createId),
    onAnswer: (verb, outcome) => metrics.commands.inc({ verb, outcome }),
    onFailure: (verb, error) => fail(`command ${verb}`)(error),
  });
  // What frees a place in another service wakes every router; who comes second finds nothing left to give.
  await sql.listen(GROUPS_CHANNEL, (groupId) => assigner.trigger([groupId]), assignAllWaiting);

  Object.assign(parts, { inbound, relay });
  const app = addOperationsRoutes(new Hono(), metrics.registry, () => readinessOf(connection, inbound));
  const server = await listen(app, config.PORT);
  return {
    port: server.port,
    stop: async () => {
      await commands.stop();
      await inbound.stop();
      await requeuer.stop();
      await assigner.stop();
      await relay.stop();
      await server.close();
      await sql.end({ timeout: 2 });
      await connection.close();
    },
    failed: connection.closed.then((error) => {
      throw error ?? new Error("the connection to NATS is closed");
    }),
  };
}

function startRelay(
  config: Config,
  connection: Connection,
  metrics: RouterMetrics,
  onFailure: (error: unknown) => void,
): Relay {
  return createRelay({
    databaseUrl: config.DATABASE_URL,
    connection,
    publisher: createPublisher(connection),
    onFailure,
    onPublished: (events) => metrics.published.inc(events.length),
    onRefill: (count) => logger.warn({ count }, "the event stream had lost events, publishing them again"),
  });
}

function readinessOf(connection: Connection, inbound: PartitionReader): Readiness {
  const reasons: string[] = [];
  if (!connection.isConnected) reasons.push("the broker is away: nothing can be read or published until it is back");
  else if (!inbound.status().isHealthy) reasons.push("the inbound log is not being read: the database may be away");
  return { isReady: reasons.length === 0, reasons };
}

await runService(logger, async () => start(loadConfig(configSchema, process.env)));
