import { connectToDatabase, listCircuits, migrateDatabase, resetCircuit } from "@turno/database";
import {
  answerCommands,
  connectToNats,
  createPublisher,
  EVENTS_STREAM,
  INBOUND_STREAM,
  provisionStream,
  type CommandResponder,
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
import { createGraphClient } from "@turno/whatsapp";
import { Hono } from "hono";
import { createHash, randomUUID } from "node:crypto";
import { senderConfig, type Config } from "./config.ts";
import type { SenderContext } from "./context.ts";
import { createSenderMetrics } from "./metrics.ts";
import { startSending, type Sending } from "./sending.ts";
import { followStatuses } from "./statuses.ts";
import { followTemplates, syncTemplates } from "./templates.ts";

const logger = createLogger("sender", process.env["LOG_LEVEL"] ?? "info");
const createId = createIdSource();

async function start(config: Config): Promise<RunningService> {
  const parts: Parts = { sending: null, status: null, account: null, relay: null };
  const context = await connect(config, parts);
  const { sql, connection } = context;
  const relay = relayEvents(context);
  const templates = syncTemplates(context);
  const readers = {
    status: followStatuses(context, randomUUID()),
    account: followTemplates(context, randomUUID(), templates),
  };
  const sending = startSending(context, () => templates.request());
  const commands = answer(context);
  Object.assign(parts, { sending, relay, ...readers });
  const app = addOperationsRoutes(new Hono(), context.metrics.registry, () => readinessOf(connection, readers.status));
  const server = await listen(app, config.PORT);
  return {
    port: server.port,
    stop: async () => {
      await commands.stop();
      await sending.stop();
      await Promise.all([templates.stop(), readers.status.stop(), readers.account.stop()]);
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

/** What the metrics look at, once it has started. */
interface Parts {
  sending: Sending | null;
  status: PartitionReader | null;
  account: PartitionReader | null;
  relay: Relay | null;
}

async function connect(config: Config, parts: Parts): Promise<SenderContext> {
  const metrics = createSenderMetrics({
    inFlight: () => parts.sending?.inFlight ?? 0,
    statusLagRecords: () => parts.status?.status().lagRecords ?? 0,
    accountLagRecords: () => parts.account?.status().lagRecords ?? 0,
    isRelay: () => parts.relay?.isLeader ?? false,
  });
  const connection = await connectToNats({ url: config.NATS_URL, name: "turno-sender" });
  await migrateDatabase(config.DATABASE_URL);
  await provisionStream(connection, INBOUND_STREAM);
  await provisionStream(connection, EVENTS_STREAM);
  const sql = connectToDatabase(config.DATABASE_URL, {
    connectionsMax: config.DATABASE_CONNECTIONS_MAX,
    name: "turno-sender",
  });
  const client = createGraphClient({
    baseUrl: config.GRAPH_URL,
    version: config.GRAPH_VERSION,
    accessToken: config.WHATSAPP_ACCESS_TOKEN,
    timeoutMs: config.SEND_TIMEOUT_MS,
  });
  const fail = (stage: string) => (error: unknown) => {
    metrics.failures.inc({ stage });
    logger.warn({ err: error, stage }, "a failure, going on");
  };
  // A new token starts with a closed circuit, whatever became of the old one.
  const tokenKey = createHash("sha256").update(config.WHATSAPP_ACCESS_TOKEN).digest("hex").slice(0, 16);
  return { config, sql, connection, client, metrics, logger, tokenKey, createId, random: Math.random, fail };
}

/** Events of sending leave also where no router runs. */
function relayEvents({ config, connection, metrics, fail }: SenderContext): Relay {
  return createRelay({
    databaseUrl: config.DATABASE_URL,
    connection,
    publisher: createPublisher(connection),
    onFailure: fail("relay"),
    onPublished: (events) => metrics.published.inc(events.length),
    onRefill: (count) => logger.warn({ count }, "the event stream had lost events, publishing them again"),
  });
}

function answer({ sql, connection, metrics, fail }: SenderContext): CommandResponder {
  return answerCommands(connection, {
    service: "sender",
    handlers: {
      "list-circuits": (request) => listCircuits(sql, request),
      "reset-circuit": (request) => resetCircuit(sql, request),
    },
    onAnswer: (verb, outcome) => metrics.commands.inc({ verb, outcome }),
    onFailure: (verb, error) => fail(`command ${verb}`)(error),
  });
}

function readinessOf(connection: Connection, statuses: PartitionReader): Readiness {
  const reasons: string[] = [];
  if (!connection.isConnected) reasons.push("the broker is away: no status can be read and no event published");
  else if (!statuses.status().isHealthy) reasons.push("statuses are not being read: the database may be away");
  return { isReady: reasons.length === 0, reasons };
}

await runService(logger, async () => start(loadConfig(senderConfig, process.env)));
