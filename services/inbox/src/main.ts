import { connectToDatabase, createBuiltInTicketStore, migrateDatabase } from "@turno/database";
import { answerCommands, connectToNats, createPublisher, EVENTS_STREAM, provisionStream } from "@turno/messaging";
import { createRelay } from "@turno/relay";
import { addOperationsRoutes, createLogger, listen, loadConfig, runService, type RunningService } from "@turno/runtime";
import { Hono } from "hono";
import { v7 as createId } from "uuid";
import { createCommandHandlers } from "./commands.ts";
import { configSchema, type Config } from "./config.ts";
import { createHistories } from "./histories.ts";
import { createInboxMetrics } from "./metrics.ts";
import { createReturning } from "./returning.ts";

const logger = createLogger("inbox", process.env["LOG_LEVEL"] ?? "info");

async function start(config: Config): Promise<RunningService> {
  const metrics = createInboxMetrics();
  const fail = (stage: string) => (error: unknown) => {
    metrics.failures.inc({ stage });
    logger.warn({ err: error, stage }, "a failure, going on");
  };
  const connection = await connectToNats({ url: config.NATS_URL, name: "turno-inbox" });
  await migrateDatabase(config.DATABASE_URL);
  await provisionStream(connection, EVENTS_STREAM);
  const sql = connectToDatabase(config.DATABASE_URL, {
    connectionsMax: config.DATABASE_CONNECTIONS_MAX,
    name: "turno-inbox",
  });
  const relay = createRelay({
    databaseUrl: config.DATABASE_URL,
    connection,
    publisher: createPublisher(connection),
    onFailure: fail("relay"),
    onPublished: (events) => metrics.published.inc(events.length),
    onRefill: (count) => logger.warn({ count }, "the event stream had lost events, publishing them again"),
  });
  const store = createBuiltInTicketStore(sql, createId);
  const histories = createHistories({
    sql,
    store,
    onAdded: () => metrics.histories.inc(),
    onFailure: fail("history"),
  });
  const returning = createReturning({
    sql,
    store,
    createId,
    onProposed: () => metrics.proposed.inc(),
    onFailure: fail("returning"),
  });
  const commands = answerCommands(connection, {
    service: "inbox",
    handlers: createCommandHandlers(sql, store, histories.add, createId),
    onAnswer: (verb, outcome) => metrics.commands.inc({ verb, outcome }),
    onFailure: (verb, error) => fail(`command ${verb}`)(error),
  });
  const app = addOperationsRoutes(new Hono(), metrics.registry, () =>
    connection.isConnected
      ? { isReady: true, reasons: [] }
      : { isReady: false, reasons: ["the broker is away: no command can be sent or answered until it is back"] },
  );
  const server = await listen(app, config.PORT);
  return {
    port: server.port,
    stop: async () => {
      await commands.stop();
      await returning.stop();
      await histories.stop();
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
