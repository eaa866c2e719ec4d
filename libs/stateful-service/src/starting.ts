import { checkSchema, isDatabaseAway, SchemaBehindFailure } from "@turno/database";
import { connectToNats, waitForStream, type Connection, type StreamDefinition } from "@turno/messaging";
import { createBackoff, type Logger } from "@turno/runtime";
import { setTimeout as pause } from "node:timers/promises";

/** What a start waits for, for readiness and the log. */
export interface StartProgress {
  /** One sentence for each thing that the start waits for. */
  readonly obstacles: readonly string[];
  /** Notes that the start waits for `what` because of a failure. Logged at once, and now and again while it lasts. */
  wait(what: string, failure: unknown): void;
  /** Notes that the start need not wait for `what` any more. */
  arrive(what: string): void;
}

const TELL_EVERY_MS = 30_000;

export function createStartProgress(logger: Logger): StartProgress {
  const waiting = new Map<string, { since: Date; toldAt: number; reason: string }>();
  return {
    get obstacles() {
      return [...waiting].map(
        ([what, { since, reason }]) => `waits for ${what} since ${since.toISOString()}: ${reason}`,
      );
    },
    wait: (what, failure) => {
      const now = performance.now();
      const had = waiting.get(what);
      const reason = failure instanceof Error ? failure.message || String(failure) : String(failure);
      const isToldAgain = had === undefined || now - had.toldAt >= TELL_EVERY_MS;
      waiting.set(what, { since: had?.since ?? new Date(), toldAt: isToldAgain ? now : had.toldAt, reason });
      if (isToldAgain) logger.warn({ err: failure }, `waiting for ${what}`);
    },
    arrive: (what) => {
      if (waiting.delete(what)) logger.info(`${what} is there`);
    },
  };
}

export interface StartOptions {
  natsUrl: string;
  databaseUrl: string;
  name: string;
  streams: readonly StreamDefinition[];
  progress: StartProgress;
  stopping: AbortSignal;
  /** Called when the broker is there, which may be long before the rest is. */
  onBroker: (connection: Connection) => void;
}

const RETRY_MS = 250;

/** Waits for the broker with its streams and for the database with its schema, whichever comes first. */
export async function waitForGround(options: StartOptions): Promise<Connection> {
  const { progress, stopping } = options;
  const openBroker = async () => {
    const connection = await connectToNats({
      url: options.natsUrl,
      name: `turno-${options.name}`,
      onWaiting: (failure) => progress.wait("the broker", failure),
      signal: stopping,
    });
    progress.arrive("the broker");
    options.onBroker(connection);
    for (const stream of options.streams) {
      await waitForStream(connection, stream, (failure) => progress.wait(`the stream ${stream.name}`, failure));
      progress.arrive(`the stream ${stream.name}`);
    }
    return connection;
  };
  const openDatabase = async () => {
    const backoff = createBackoff(RETRY_MS);
    for (;;) {
      try {
        await checkSchema(options.databaseUrl);
        return progress.arrive("the database");
      } catch (error) {
        if (!isDatabaseAway(error) && !(error instanceof SchemaBehindFailure)) throw error;
        progress.wait("the database", error);
        await pause(backoff.nextMs(), undefined, { signal: stopping });
      }
    }
  };
  const [connection] = await Promise.all([openBroker(), openDatabase()]);
  return connection;
}
