import { readDatabaseTimeline, TimelineFailure, type Sql } from "@turno/database";
import { startLoop } from "@turno/runtime";

const LOOK_MS = 1_000;

export interface TimelineWatch {
  /** Rejects with a `TimelineFailure` when the database is on another timeline. */
  changed: Promise<never>;
  stop(): Promise<void>;
}

/**
 * Checks every second that the database is on the timeline on which this process began. Ending the process is how it
 * forgets: no part of it needs a second way to begin.
 */
export function watchTimeline(sql: Sql, timeline: string, onFailure: (error: unknown) => void): TimelineWatch {
  const { promise: changed, reject } = Promise.withResolvers<never>();
  const loop = startLoop({
    run: () => readDatabaseTimeline(sql, timeline),
    pauseMs: LOOK_MS,
    onFailure: (error) => (error instanceof TimelineFailure ? reject(error) : onFailure(error)),
  });
  return { changed, stop: () => loop.stop() };
}
