import {
  readEventLogEnd,
  readLiveEvents,
  OUTBOX_CHANNEL,
  type EventCursor,
  type LiveEvent,
  type Sql,
} from "@turno/database";

/** The end of the events table, read once for everybody in this process. */
export interface EventTail {
  /** Where the log ends for this process: events that come now are after it. */
  readonly end: EventCursor;
  /** The next events after a cursor, from memory where they are still there. Empty where there is none yet. */
  read: (after: EventCursor) => Promise<LiveEvent[]>;
  /** Resolves with the next event that the tail sees, or when it stops. */
  next: () => Promise<void>;
  readonly isStopped: boolean;
  stop: () => Promise<void>;
}

const BATCH_SIZE_MAX = 500;
/** Who is no further behind than this reads from memory. */
const RECENT_MAX = 5_000;
/** A notification may come while an older transaction still runs, which holds its events back. */
const LOOK_AGAIN_MS = 25;
const POLL_MS = 500;
const RETRY_MS = 1_000;

export function compareCursors(a: EventCursor, b: EventCursor): number {
  if (a.transaction !== b.transaction) return a.transaction - b.transaction;
  return a.eventId < b.eventId ? -1 : Number(a.eventId > b.eventId);
}

export async function createEventTail(sql: Sql, onFailure: (error: unknown) => void): Promise<EventTail> {
  let end = await readEventLogEnd(sql);
  /** The place from which on `recent` holds every event. */
  let floor = end;
  let recent: LiveEvent[] = [];
  let isStopped = false;
  let isNotified = false;
  let arrival = Promise.withResolvers<void>();
  let wake: (() => void) | null = null;
  const announce = () => {
    arrival.resolve();
    arrival = Promise.withResolvers<void>();
  };
  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const take = (events: LiveEvent[]) => {
    recent.push(...events);
    if (recent.length > RECENT_MAX) {
      const dropped = recent.splice(0, recent.length - RECENT_MAX);
      floor = dropped.at(-1) ?? floor;
    }
    end = events.at(-1) ?? end;
    announce();
  };
  const run = async () => {
    while (!isStopped) {
      const wasNotified = isNotified;
      isNotified = false;
      try {
        const events = await readLiveEvents(sql, end, BATCH_SIZE_MAX);
        if (events.length > 0) take(events);
        else if (!isStopped && !isNotified) await pause(wasNotified ? LOOK_AGAIN_MS : POLL_MS);
      } catch (error) {
        onFailure(error);
        if (!isStopped) await pause(RETRY_MS);
      }
    }
  };
  await sql.listen(OUTBOX_CHANNEL, () => {
    isNotified = true;
    wake?.();
  });
  const running = run();
  return {
    get end() {
      return end;
    },
    get isStopped() {
      return isStopped;
    },
    read: async (after) => {
      if (compareCursors(after, floor) < 0) return readLiveEvents(sql, after, BATCH_SIZE_MAX);
      const index = recent.findIndex((event) => compareCursors(event, after) > 0);
      return index === -1 ? [] : recent.slice(index, index + BATCH_SIZE_MAX);
    },
    next: () => arrival.promise,
    stop: async () => {
      isStopped = true;
      wake?.();
      announce();
      await running;
      recent = [];
    },
  };
}
