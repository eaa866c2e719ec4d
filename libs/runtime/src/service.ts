import type { Logger } from "./logger.ts";

export interface RunningService {
  /** The port on which it listens, for the line that every service logs at its start. */
  port: number;
  /** Ends in order: takes nothing new, finishes what is under way, lets go of leases and connections. */
  stop(): Promise<void>;
  /** Rejects when the service cannot go on and must be started again. */
  failed: Promise<never>;
}

/** How long a service has to end in order. docker-compose.yml gives each more; a test compares them. */
const DRAIN_MS_MAX = 10_000;
const USAGE_CODE = 2;

/** Starts a service, logs its address, drains it on SIGTERM or SIGINT, and ends the process. */
export async function runService(
  logger: Logger,
  start: () => Promise<RunningService>,
  { drainMsMax = DRAIN_MS_MAX }: { drainMsMax?: number } = {},
): Promise<void> {
  refuseArguments(process.argv.slice(2));
  process.once("uncaughtException", (error) => {
    logger.fatal({ err: error }, "a defect ends the process");
    logger.flush();
    process.exit(1);
  });
  let service: RunningService;
  try {
    service = await start();
  } catch (error) {
    logger.fatal({ err: error }, "could not start");
    process.exitCode = 1;
    logger.flush();
    process.exit();
  }
  let isStopping = false;
  const stop = async (reason: string, exitCode: number) => {
    if (isStopping) return;
    isStopping = true;
    logger.info({ reason }, "stopping");
    const guard = setTimeout(() => {
      logger.error({ waitedMs: drainMsMax }, "did not drain in time");
      process.exit(1);
    }, drainMsMax);
    guard.unref();
    try {
      await service.stop();
      logger.info("stopped");
    } catch (error) {
      logger.error({ err: error }, "could not stop in order");
      exitCode = 1;
    }
    process.exit(exitCode);
  };
  process.once("SIGTERM", () => void stop("SIGTERM", 0));
  process.once("SIGINT", () => void stop("SIGINT", 0));
  service.failed.catch((error: unknown) => {
    // A connection that is closed because the service stops is no failure.
    if (isStopping) return;
    logger.fatal({ err: error }, "cannot go on");
    void stop("failure", 1);
  });
  // The parent process reads its port here, so the line comes whatever the level; last, because a signal may come at once.
  const announcer = logger.child({}, { level: "info" });
  announcer.info({ port: service.port, address: `http://127.0.0.1:${service.port}` }, "listening");
}

/** Runs what ends by itself, and then ends the process, with 1 where it failed. */
export async function runToEnd(logger: Logger, run: () => Promise<void>): Promise<void> {
  refuseArguments(process.argv.slice(2));
  try {
    await run();
  } catch (error) {
    logger.fatal({ err: error }, "could not do it");
    process.exitCode = 1;
  }
  logger.flush();
}

function refuseArguments(args: readonly string[]): void {
  if (args.length === 0) return;
  process.stderr.write(
    `A service takes no arguments, and was given: ${args.join(" ")}. Its README lists its environment.\n`,
  );
  process.exit(USAGE_CODE);
}
