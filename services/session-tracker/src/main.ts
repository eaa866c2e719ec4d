import { connectToDatabase, listTemplates, migrateDatabase, requestSend, sweepDue } from "@turno/database";
import { answerCommands, connectToNats, createPublisher, EVENTS_STREAM, provisionStream } from "@turno/messaging";
import { createRelay } from "@turno/relay";
import {
  addOperationsRoutes,
  createIdSource,
  createLogger,
  listen,
  loadConfig,
  runService,
  type RunningService,
} from "@turno/runtime";
import { Hono } from "hono";
import { configSchema, type Config } from "./config.ts";
import { createTrackerMetrics } from "./metrics.ts";
import { createSweeper } from "./sweeper.ts";

/** How many due conversations one transaction takes at most. */
const SWEEP_SIZE_MAX = 500;

const logger = createLogger("session-tracker", process.env["LOG_LEVEL"] ?? "info");
const createId = createIdSource();

async function start(config: Config): Promise<RunningService> {
  const metrics = createTrackerMetrics();
  const fail = (stage: string) => (error: unknown) => {
    metrics.failures.inc({ stage });
    logger.warn({ err: error, stage }, "a failure, going on");
  };
  const connection = await connectToNats({ url: config.NATS_URL, name: "turno-session-tracker" });
  await migrateDatabase(config.DATABASE_URL);
  await provisionStream(connection, EVENTS_STREAM);
  const sql = connectToDatabase(config.DATABASE_URL, {
    connectionsMax: config.DATABASE_CONNECTIONS_MAX,
    name: "turno-session-tracker",
  });
  const relay = createRelay({
    databaseUrl: config.DATABASE_URL,
    connection,
    publisher: createPublisher(connection),
    onFailure: fail("relay"),
    onPublished: (events) => metrics.published.inc(events.length),
    onRefill: (count) => logger.warn({ count }, "the event stream had lost events, publishing them again"),
  });
  const sweeper = createSweeper({
    sweep: () => sweepDue(sql, { warningMinutes: config.WARNING_MINUTES, limit: SWEEP_SIZE_MAX, createId }),
    onSwept: ({ expired, warned }) => {
      metrics.sweeps.inc();
      metrics.expired.inc(expired);
      metrics.warned.inc(warned);
    },
    onFailure: fail("sweep"),
  });
  const commands = answerCommands(connection, {
    service: "session-tracker",
    handlers: {
      send: (request) => requestSend(sql, request, { marginMs: config.SEND_MARGIN_MS, createId }),
      "list-templates": (request) => listTemplates(sql, request),
    },
    onAnswer: (verb, outcome) => metrics.commands.inc({ verb, outcome }),
    onFailure: (verb, error) => fail(`command ${verb}`)(error),
  });
  const app = addOperationsRoutes(new Hono(), metrics.registry, () =>
    connection.isConnected
      ? { isReady: true, reasons: [] }
      : { isReady: false, reasons: ["the broker is away: no command arrives until it is back; expiry goes on"] },
  );
  const server = await listen(app, config.PORT);
  return {
    port: server.port,
    stop: async () => {
      await commands.stop();
      await sweeper.stop();
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

await runService(logger, async () => start(loadConfig(configSchema, process.env)));
