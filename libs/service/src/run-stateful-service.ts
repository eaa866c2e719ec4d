import { connectToDatabase, migrateDatabase, readDatabaseTimeline, type Sql } from "@turno/database";
import {
  answerCommands,
  connectToNats,
  EVENTS_STREAM,
  waitForStream,
  type CommandHandlers,
  type Connection,
  type StreamDefinition,
} from "@turno/messaging";
import type { Relay } from "@turno/relay";
import {
  addOperationsRoutes,
  createIdSource,
  createLogger,
  listen,
  loadConfig,
  runService,
  type Counter,
  type Logger,
  type Registry,
  type RunningService,
} from "@turno/runtime";
import { Hono } from "hono";
import type { z } from "zod";
import type { RelayMetrics } from "./relay-metrics.ts";
import { startRelay } from "./start-relay.ts";
import { watchTimeline } from "./watch-timeline.ts";

interface StatefulConfig {
  NATS_URL: string;
  DATABASE_URL: string;
  DATABASE_CONNECTIONS_MAX: number;
  PORT: number;
}

/** What is counted in every service with a database. Each names them itself, so that a name is found where it is used. */
interface StatefulMetrics {
  registry: Registry;
  published: Counter;
  relay: RelayMetrics;
  commands: Counter<"verb" | "outcome">;
  failures: Counter<"stage">;
}

interface ServiceOptions<Config, Metrics> {
  name: string;
  environment: Record<string, string | undefined>;
  config: z.ZodType<Config>;
  metrics: Metrics;
  /** The streams that must be there beside `EVENTS`, to which every service with a database publishes. */
  streams?: readonly StreamDefinition[];
}

/** What the parts of a service share. */
export interface ServiceContext<Config, Metrics> {
  config: Config;
  metrics: Metrics;
  logger: Logger;
  connection: Connection;
  sql: Sql;
  /** The database's timeline when this process began. When it changes, the process ends. */
  timeline: string;
  relay: Relay;
  createId: () => string;
  /** Counts and logs a failure after which the part goes on. */
  fail: (stage: string) => (error: unknown) => void;
}

/** What a service does, once it has begun. */
export interface ServiceWork {
  commands: CommandHandlers;
  /** What of its own work stands still, one sentence each for an operator; the broker and the database are asked for it. */
  obstacles(): readonly string[];
  /** What it serves beside health and metrics. */
  api?: { routes: Hono; endStreams(): Promise<void> };
  /** Ends the work. No command comes any more, and the events that it still writes are published. */
  stop(): Promise<void>;
}

/** Runs a service that keeps state: connects it, starts its work, answers its commands, and ends it all in order. */
export async function runStatefulService<Config extends StatefulConfig, Metrics extends StatefulMetrics>(
  options: ServiceOptions<Config, Metrics>,
  begin: (context: ServiceContext<Config, Metrics>) => ServiceWork | Promise<ServiceWork>,
): Promise<void> {
  const { name, environment } = options;
  const logger = createLogger(name, environment["LOG_LEVEL"] ?? "info");
  await runService(logger, async () => {
    const context = await connect(options, logger);
    return serve(name, context, await begin(context));
  });
}

/** Makes sure of the schema and the streams before anything works on them. */
async function connect<Config extends StatefulConfig, Metrics extends StatefulMetrics>(
  { name, environment, config: schema, metrics, streams = [] }: ServiceOptions<Config, Metrics>,
  logger: Logger,
): Promise<ServiceContext<Config, Metrics>> {
  const config = loadConfig(schema, environment);
  const fail = (stage: string) => (error: unknown) => {
    metrics.failures.inc({ stage });
    logger.warn({ err: error, stage }, "a failure, going on");
  };
  const connection = await connectToNats({ url: config.NATS_URL, name: `turno-${name}` });
  await migrateDatabase(config.DATABASE_URL);
  for (const stream of [...streams, EVENTS_STREAM]) {
    await waitForStream(connection, stream, (err) => logger.warn({ err }, "waiting for a stream"));
  }
  const pool = { connectionsMax: config.DATABASE_CONNECTIONS_MAX, name: `turno-${name}` };
  const sql = connectToDatabase(config.DATABASE_URL, pool);
  const timeline = await readDatabaseTimeline(sql);
  const relay = startRelay({ databaseUrl: config.DATABASE_URL, timeline, connection, logger, metrics });
  return { config, metrics, logger, connection, sql, timeline, relay, createId: createIdSource(), fail };
}

async function serve(
  name: string,
  { config, metrics, connection, sql, timeline, relay, fail }: ServiceContext<StatefulConfig, StatefulMetrics>,
  work: ServiceWork,
): Promise<RunningService> {
  const commands = answerCommands(connection, {
    service: name,
    handlers: work.commands,
    onAnswer: (verb, outcome) => metrics.commands.inc({ verb, outcome }),
    onFailure: (verb, error) => fail(`command ${verb}`)(error),
  });
  const app = addOperationsRoutes(new Hono(), metrics.registry, () => {
    const reasons = [...brokerObstacles(connection), ...work.obstacles()];
    // An API goes on serving what is read, and shows that nothing is published.
    const isReady = reasons.length === 0 && (relay.obstacle === null || work.api !== undefined);
    return { isReady, reasons: relay.obstacle === null ? reasons : [...reasons, relay.obstacle] };
  });
  if (work.api !== undefined) app.route("/", work.api.routes);
  const server = await listen(app, config.PORT);
  const watch = watchTimeline(sql, timeline, fail("timeline"));
  return {
    port: server.port,
    stop: async () => {
      await watch.stop();
      // An API ends first, because its requests need all the rest; health and metrics alone are there to the end.
      // The server closes when nobody is on the line, so live streams end before it.
      await work.api?.endStreams();
      if (work.api !== undefined) await server.close();
      await commands.stop();
      await work.stop();
      await relay.stop();
      if (work.api === undefined) await server.close();
      await sql.end({ timeout: 2 });
      await connection.close();
    },
    failed: Promise.race([
      watch.changed,
      connection.closed.then((error) => {
        throw error ?? new Error("the connection to NATS is closed");
      }),
    ]),
  };
}

function brokerObstacles({ awaySince }: Connection): string[] {
  if (awaySince === null) return [];
  return [`the broker is away since ${awaySince.toISOString()}: no command arrives and no event is published`];
}
