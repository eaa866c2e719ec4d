import { connectToDatabase, createBuiltInTicketStore, migrateDatabase, openEventLog } from "@turno/database";
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
import { createCommandHandlers } from "./commands.ts";
import { configSchema, type Config } from "./config.ts";
import { createHistories } from "./histories.ts";
import type { ApiOptions } from "./http/api.ts";
import { createApp } from "./http/app.ts";
import { createAuthentication, remoteKeys, type Authenticate } from "./http/authentication.ts";
import { createLocalIssuer, type LocalIssuer } from "./http/local-issuer.ts";
import { createEventTail } from "./live/event-tail.ts";
import { createInboxMetrics, type InboxMetrics } from "./metrics.ts";
import { createReturning } from "./returning.ts";

const logger = createLogger("inbox", process.env["LOG_LEVEL"] ?? "info");
const createId = createIdSource();

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
    log: await openEventLog(sql),
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
  const tail = await createEventTail(sql, fail("live"));
  const app = await createHttp(config, { sql, connection, tail, metrics, onFailure: fail("http") });
  const server = await listen(app, config.PORT);
  return {
    port: server.port,
    stop: async () => {
      // Live streams end first: the server closes when nobody is on the line.
      await tail.stop();
      await server.close();
      await commands.stop();
      await returning.stop();
      await histories.stop();
      await relay.stop();
      await sql.end({ timeout: 2 });
      await connection.close();
    },
    failed: connection.closed.then((error) => {
      throw error ?? new Error("the connection to NATS is closed");
    }),
  };
}

/** Health and metrics, then the API with its documentation. */
async function createHttp(
  config: Config,
  options: Pick<ApiOptions, "sql" | "connection" | "tail" | "onFailure"> & { metrics: InboxMetrics },
): Promise<Hono> {
  const { metrics, ...rest } = options;
  const localIssuer = config.LOCAL_ISSUER === "on" ? await createLocalIssuer() : null;
  if (localIssuer !== null) logger.warn("gives tokens to whoever asks: for the local stack and tests only");
  const api = createApp(
    {
      ...rest,
      authenticate: chooseAuthentication(config, localIssuer),
      rate: { perSecond: config.RATE_PER_SECOND, burst: config.RATE_BURST },
      onRequest: (route, status, seconds) => metrics.httpSeconds.observe({ route, status }, seconds),
    },
    localIssuer,
  );
  return addOperationsRoutes(new Hono(), metrics.registry, () =>
    options.connection.isConnected
      ? { isReady: true, reasons: [] }
      : { isReady: false, reasons: ["the broker is away: no command can be sent or answered until it is back"] },
  ).route("/", api);
}

/** Where nobody issues tokens, nobody is let in. */
function chooseAuthentication(config: Config, localIssuer: LocalIssuer | null): Authenticate {
  if (localIssuer !== null) return createAuthentication(localIssuer.rules);
  const { AUTH_ISSUER: issuer, AUTH_AUDIENCE: audience, AUTH_JWKS_URL: url } = config;
  if (issuer === undefined || audience === undefined || url === undefined) {
    logger.warn("no AUTH_JWKS_URL is set: the HTTP API is closed, commands are answered");
    return async () => null;
  }
  return createAuthentication({ issuer, audience, keys: remoteKeys(url) });
}

await runService(logger, async () => start(loadConfig(configSchema, process.env)));
