import { STREAMS } from "@turno/contracts";
import type { Sql } from "@turno/database";
import { readRelayHolder, readWaiting, type Waiting } from "./relay-lead.ts";

/** A glance also keeps the session that holds the lock alive, which a paused process does not. */
const GLANCE_MS = 1_000;
/** How long the oldest event may stand still before it is reported. */
const STANDSTILL_MS = 10_000;
/** How long a look may take before the database counts as silent. */
const SILENCE_MS = 3_000;

export interface Watch {
  readonly waiting: Waiting;
  /** One sentence while nothing is published although something waits, whichever relay leads; else null. */
  readonly obstacle: string | null;
  stop(): void;
}

/**
 * Looks every second at the oldest event that waits and at the noted end of the stream. One of them changes while any
 * relay publishes, so no clocks are compared.
 */
export function createWatch(options: {
  sql: Sql;
  /** Returns why this relay does not get on, as far as it knows. */
  reason: () => string | null;
  isLeading: () => boolean;
  onFailure: (error: unknown) => void;
  onObstacle: (obstacle: string | null) => void;
}): Watch {
  let waiting: Waiting = { position: null, count: 0, seconds: 0, sequence: null };
  let moved = { at: performance.now(), date: new Date() };
  let failure: string | null = null;
  let holder: number | null = null;
  let lookingSince: number | null = null;
  let told: string | null = null;

  const look = async () => {
    const next = await readWaiting(options.sql, STREAMS.events);
    // The oldest may be held back by a defect, while others go out.
    const isSame = next.position === waiting.position && next.sequence === waiting.sequence;
    const hasMoved = next.position === null || !isSame;
    if (hasMoved) moved = { at: performance.now(), date: new Date() };
    else holder = await readRelayHolder(options.sql);
    waiting = next;
    failure = null;
  };
  const isStill = () => performance.now() - moved.at > STANDSTILL_MS;
  const isSilent = () => lookingSince !== null && performance.now() - lookingSince > SILENCE_MS;
  const explain = () => {
    if (failure !== null) return `the database does not answer it: ${failure}`;
    const reason = options.reason();
    if (reason !== null) return reason;
    if (isSilent()) return "the database does not answer it";
    if (options.isLeading()) return "what lies in the stream is still being compared with the outbox";
    if (holder === null) return "no relay has the lead";
    return `the relay with the database session ${holder} has the lead and does not get on: its log says why`;
  };
  const obstacle = () =>
    isStill() ? `no event is published since ${moved.date.toISOString()}, because ${explain()}` : null;
  const tell = () => {
    const now = obstacle();
    if ((now === null) !== (told === null)) options.onObstacle(now);
    told = now;
  };
  const glance = setInterval(() => {
    tell();
    if (lookingSince !== null) return;
    lookingSince = performance.now();
    look()
      .catch((error: unknown) => {
        failure = error instanceof Error ? error.message : String(error);
        options.onFailure(error);
      })
      .finally(() => {
        lookingSince = null;
        tell();
      });
  }, GLANCE_MS);
  return {
    get waiting() {
      return waiting;
    },
    get obstacle() {
      return obstacle();
    },
    stop: () => clearInterval(glance),
  };
}
