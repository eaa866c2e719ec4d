import type { Logger } from "./logger.ts";

export interface RunningService {
  /** Where it listens, for the one line that every service logs at its start. */
  port: number;
  /** Ends in order: take nothing new, finish what is under way, let go of leases and connections. */
  stop(): Promise<void>;
  /** Rejects when the service cannot go on and must be started again. */
  failed: Promise<never>;
}

const DRAIN_MS_MAX = 10_000;

/** Starts a service, logs its address, drains it on SIGTERM or SIGINT, and ends the process. */
export async function runService(logger: Logger, start: () => Promise<RunningService>): Promise<void> {
  let service: RunningService;
  try {
    service = await start();
  } catch (error) {
    logger.fatal({ err: error }, "could not start");
    process.exitCode = 1;
    logger.flush();
    process.exit();
  }
  logger.info({ port: service.port, address: `http://127.0.0.1:${service.port}` }, "listening");

  let isStopping = false;
  const stop = async (reason: string, exitCode: number) => {
    isStopping = true;
    logger.info({ reason }, "stopping");
    const guard = setTimeout(() => {
      logger.error({ waitedMs: DRAIN_MS_MAX }, "did not drain in time");
      process.exit(1);
    }, DRAIN_MS_MAX);
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
}
