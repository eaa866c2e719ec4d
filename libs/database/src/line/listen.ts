import { isDefect } from "@turno/runtime";
import { setTimeout as pause } from "node:timers/promises";
import type postgres from "postgres";

/** A connection of its own, which reports its notifications and each close. */
export interface ListeningConnection {
  sql: postgres.Sql<{ bigint: number }>;
  /** The number of times that it has closed. */
  closes(): number;
  end(): Promise<void>;
}

export interface Listener {
  /** Resolves once it listens for the first time. */
  listening: Promise<void>;
  stop(): Promise<void>;
}

const RETRY_MS = 500;
/** A connection that only receives notifications would be silent for ever if its network were gone. */
const HEARTBEAT_MS = 2_000;

/**
 * Listens for a wake-up on one connection, asks it something now and again so that its silence is noticed, and listens
 * again on a new one. `onListen` is called each time that it listens: earlier notifications were not heard.
 */
export function listenOn(connection: ListeningConnection, wakeUp: string, onListen: () => void): Listener {
  const stopping = new AbortController();
  const first = Promise.withResolvers<void>();
  const wait = (ms: number) => pause(ms, undefined, { signal: stopping.signal }).catch(() => undefined);
  const { sql } = connection;
  const listen = async () => {
    const closes = connection.closes();
    await sql`listen ${sql(wakeUp)}`;
    first.resolve();
    onListen();
    // A question may find a new connection, on which nobody listens yet.
    while (connection.closes() === closes && !stopping.signal.aborted) {
      await wait(HEARTBEAT_MS);
      if (!stopping.signal.aborted) await sql`select 1`;
    }
  };
  const run = async () => {
    while (!stopping.signal.aborted) {
      await listen().catch((error: unknown) => {
        // Nobody awaits the loop, so a defect ends the process.
        if (isDefect(error)) throw error;
        // Why it fails is no news: notifications only wake, and a caller that asks the database is told the same.
        return wait(RETRY_MS);
      });
    }
  };
  const running = run();
  return {
    listening: first.promise,
    stop: async () => {
      stopping.abort();
      first.resolve();
      await connection.end();
      await running;
    },
  };
}
