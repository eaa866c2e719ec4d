import {
  answerOnce,
  connectToDatabase,
  readDatabaseTimeline,
  watchDatabase,
  type DatabaseService,
  type DatabaseWatch,
  type Sql,
} from "@turno/database";
import {
  answerCommands,
  EVENTS_STREAM,
  type CommandHandlers,
  type CommandResponder,
  type Connection,
  type Examined,
  type StreamDefinition,
} from "@turno/messaging";
import type { Relay } from "@turno/relay";
import {
  createIdSource,
  createLogger,
  isDefect,
  listen,
  loadConfig,
  runService,
  type ListeningServer,
  type Logger,
  type RunningService,
  type SetAside,
} from "@turno/runtime";
import { Hono } from "hono";
import type { z } from "zod";
import { createServiceExamination } from "./examination.ts";
import { startRelay } from "./start-relay.ts";
import { createStartProgress, waitForGround, type StartProgress } from "./starting.ts";
import { addStateGauges, readinessOf } from "./readiness.ts";
import { createDefectTeller, type StatefulConfig, type StatefulMetrics } from "./stateful-parts.ts";
import { watchTimeline } from "./watch-timeline.ts";

interface ServiceOptions<Config, Metrics> {
  name: DatabaseService;
  environment: Record<string, string | undefined>;
  config: z.ZodType<Config>;
  metrics: Metrics;
  /** How long its work may take to end, if longer than usual. */
  drainMsMax?: number;
  /** The streams that must exist beside `EVENTS`, to which every service with a database publishes. */
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
  /** Counts and logs a failure after which the part goes on. A defect that follows from no input ends the process. */
  fail: (stage: string) => (error: unknown) => void;
  /** Counts and logs, with its stack, a defect that was set aside with its input, or answered. `input` names that input. */
  tellDefect: (stage: string) => (error: unknown, input?: Record<string, string>) => void;
}

/** The work of a service, once it has begun. */
export interface ServiceWork {
  commands: CommandHandlers;
  /** Waits until a command may begin, and returns what is called at its end: not too many at once. */
  admit?: () => Promise<() => void>;
  /**
   * What stands still in its own work, one sentence each for an operator; broker and database are reported without it.
   */
  obstacles(): readonly string[];
  /** What its loops leave out because of a defect: readiness says so, and nothing else stands still for it. */
  setAside?: readonly SetAside[];
  /** The routes beside health and metrics. */
  api?: {
    /** Creates the routes, once. They give commands by `request`, whichever service answers these. */
    createRoutes(request: CommandResponder["request"]): Hono | Promise<Hono>;
    endStreams(): Promise<void>;
  };
  /** What this service alone can see of how things are, for the operators' doctor. */
  examine?(): Promise<Examined>;
  /** Ends the work. No command comes any more; events that it still writes are published. */
  stop(): Promise<void>;
}

/**
 * Runs a service that keeps state: connects it, starts its work, answers its commands, and ends everything in order.
 */
export async function runStatefulService<Config extends StatefulConfig, Metrics extends StatefulMetrics>(
  options: ServiceOptions<Config, Metrics>,
  begin: (context: ServiceContext<Config, Metrics>) => ServiceWork | Promise<ServiceWork>,
): Promise<void> {
  const logger = createLogger(options.name, "info");
  const start = () => {
    const config = loadConfig(options.config, options.environment);
    logger.level = config.LOG_LEVEL;
    return startService(options, { config, logger }, begin);
  };
  await runService(logger, start, options.drainMsMax === undefined ? {} : { drainMsMax: options.drainMsMax });
}

/** What has begun when broker and database were there. */
interface Begun {
  context: ServiceContext<StatefulConfig, StatefulMetrics>;
  work: ServiceWork;
  database: DatabaseWatch;
  commands: CommandResponder;
  routes: Hono | null;
  timeline: ReturnType<typeof watchTimeline>;
}

/** Listens first, so that readiness can say what the start waits for; begins the work when everything is there. */
async function startService<Config extends StatefulConfig, Metrics extends StatefulMetrics>(
  options: ServiceOptions<Config, Metrics>,
  { config, logger }: { config: Config; logger: Logger },
  begin: (context: ServiceContext<Config, Metrics>) => ServiceWork | Promise<ServiceWork>,
): Promise<RunningService> {
  const { name, metrics } = options;
  const stopping = new AbortController();
  const progress = createStartProgress(logger);
  let begun: Begun | null = null;
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => undefined);
  const readiness = () => {
    if (stopping.signal.aborted) return { isReady: false, reasons: ["stopping"] };
    return begun === null ? { isStarting: true, isReady: false, reasons: [...progress.obstacles] } : readinessOf(begun);
  };
  const tellDefect = createDefectTeller(metrics, logger);
  const app = new Hono();
  // Routes cannot be added to what listens, so the API's come into play here.
  app.notFound((context) => {
    const routes = begun?.routes ?? null;
    if (routes !== null) return routes.fetch(context.req.raw, context.env);
    return context.text(begun === null ? "starting" : "not found", begun === null ? 503 : 404);
  });
  addStateGauges(name, metrics.registry, () => begun);
  const server = await listen(app, config, { registry: metrics.registry, readiness, onDefect: tellDefect("http") });
  const examination = createServiceExamination(name, {
    databaseUrl: config.DATABASE_URL,
    readiness,
    examineOwn: async () => begun?.work.examine?.(),
    metrics,
    logger,
  });
  const starting = (async () => {
    const ground = await openGround(options, {
      onBroker: examination.onBroker,
      config,
      logger,
      progress,
      stopping: stopping.signal,
      end: failure.reject,
    });
    ground.context.connection.closed.then(
      (error) => failure.reject(error ?? new Error("the connection to NATS is closed")),
      failure.reject,
    );
    begun = await beginWork(name, ground, begin);
    begun.timeline.changed.catch(failure.reject);
  })().catch((error: unknown) => {
    if (!stopping.signal.aborted) failure.reject(error);
  });
  return {
    port: server.port,
    failed: failure.promise,
    stop: async () => {
      stopping.abort();
      if (begun !== null) {
        await starting;
        await examination.stop();
        await endInOrder(begun, server);
      }
      await server.end();
    },
  };
}

/** Connects to broker and database, waits for both, and starts the relay. */
async function openGround<Config extends StatefulConfig, Metrics extends StatefulMetrics>(
  { name, metrics, streams = [] }: ServiceOptions<Config, Metrics>,
  start: {
    config: Config;
    logger: Logger;
    progress: StartProgress;
    stopping: AbortSignal;
    onBroker: (connection: Connection) => void;
    end: (error: unknown) => void;
  },
): Promise<{ context: ServiceContext<Config, Metrics>; database: DatabaseWatch }> {
  const { config, logger, progress, stopping, onBroker } = start;
  const { NATS_URL: natsUrl, DATABASE_URL: databaseUrl } = config;
  const connection = await waitForGround({
    natsUrl,
    databaseUrl,
    name,
    streams: [...streams, EVENTS_STREAM],
    progress,
    stopping,
    onBroker,
  });
  const fail = (stage: string) => (error: unknown) => {
    if (isDefect(error)) return start.end(error);
    metrics.failures.inc({ stage });
    logger.warn({ err: error, stage }, "a failure, going on");
  };
  const tellDefect = createDefectTeller(metrics, logger);
  const sql = connectToDatabase(databaseUrl, {
    connectionsMax: config.DATABASE_CONNECTIONS_MAX,
    name: `turno-${name}`,
  });
  const database = watchDatabase(sql, (obstacle) => {
    if (obstacle === null) logger.info("the database answers and takes changes again");
    else logger.error({ obstacle }, "the database is out of reach");
  });
  const timeline = await readDatabaseTimeline(sql);
  const relay = startRelay({
    databaseUrl,
    timeline,
    connection,
    logger,
    metrics,
    tellDefect: tellDefect("relay"),
    end: start.end,
  });
  return {
    context: {
      config,
      metrics,
      logger,
      connection,
      sql,
      timeline,
      relay,
      createId: createIdSource(),
      fail,
      tellDefect,
    },
    database,
  };
}

async function beginWork<Config extends StatefulConfig, Metrics extends StatefulMetrics>(
  name: string,
  { context, database }: { context: ServiceContext<Config, Metrics>; database: DatabaseWatch },
  begin: (context: ServiceContext<Config, Metrics>) => ServiceWork | Promise<ServiceWork>,
): Promise<Begun> {
  const { connection, metrics, sql, fail, tellDefect } = context;
  const work = await begin(context);
  const timeline = watchTimeline(sql, context.timeline, fail("timeline"));
  const commands = answerCommands(connection, {
    service: name,
    handlers: work.commands,
    once: (command, run) => answerOnce(sql, command, run),
    ...(work.admit === undefined ? {} : { admit: work.admit }),
    onAnswer: (verb, outcome) => metrics.commands.inc({ verb, outcome }),
    onFailure: (verb, error) => fail(`command ${verb}`)(error),
    onDefect: (verb, error) => tellDefect(`command ${verb}`)(error),
  });
  const routes = (await work.api?.createRoutes(commands.request)) ?? null;
  return { context, work, database, commands, routes, timeline };
}

async function endInOrder(
  { context, work, database, commands, timeline }: Begun,
  server: ListeningServer,
): Promise<void> {
  const { connection, sql, relay } = context;
  await timeline.stop();
  // An API ends first, because its requests need all the rest; health and metrics alone are there to the end.
  // The server closes when nobody is on the line, so live streams end before it.
  await work.api?.endStreams();
  if (work.api !== undefined) await server.close();
  await commands.stop();
  await work.stop();
  await relay.stop();
  await database.stop();
  await sql.end({ timeout: 2 });
  await connection.close();
}
