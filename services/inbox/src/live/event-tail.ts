import { openEventLog, OUTBOX_WAKE_UP, type Sql } from "@turno/database";
import { createBackoff, createPause, isDefect } from "@turno/runtime";
import { readLiveEvents, type LiveEvent, type OnUnreadable } from "./read-live.ts";

/** The end of the events table, read once for everybody in this process. */
export interface EventTail {
  /** The database's timeline: positions of another one mean nothing here. */
  readonly timeline: string;
  /** The position up to which this process has read: events from now on come after it. */
  readonly end: number;
  /** Returns the next events after a position, from memory if they are still there. Empty if there is none yet. */
  read: (after: number) => Promise<LiveEvent[]>;
  /** Resolves with the next event that the tail sees, or when it stops. */
  next: () => Promise<void>;
  readonly isStopped: boolean;
  stop: () => Promise<void>;
}

const BATCH_SIZE_MAX = 500;
/** How far behind a reader may be and still read from memory. */
const RECENT_MAX = 5_000;
/** A wake-up may come while another transaction still runs, which holds back what came after it. */
const LOOK_AGAIN_MS = 25;
const POLL_MS = 500;
const RETRY_MS = 250;

export async function createEventTail(
  sql: Sql,
  timeline: string,
  {
    onFailure,
    onDefect,
  }: {
    /** Hears of a failure that it goes on after, and of a defect with which it ends, because no event is to blame for it. */
    onFailure: (error: unknown) => void;
    /** Hears of a defect that an event provokes: nobody is sent that event. */
    onDefect: OnUnreadable;
  },
): Promise<EventTail> {
  const log = await openEventLog(sql);
  let end = log.completePosition;
  const recent = createRecentEvents(end);
  let isStopped = false;
  let isNotified = false;
  let arrival = Promise.withResolvers<void>();
  const pause = createPause();
  const backoff = createBackoff(RETRY_MS);
  const announce = () => {
    arrival.resolve();
    arrival = Promise.withResolvers<void>();
  };
  const take = (events: LiveEvent[]) => {
    recent.add(events);
    announce();
  };
  const run = async () => {
    while (!isStopped) {
      isNotified = false;
      try {
        await log.advance();
        backoff.reset();
        const upTo = log.completePosition;
        const events = await readLiveEvents(sql, { after: end, upTo, limit: BATCH_SIZE_MAX }, onDefect);
        end = events.length === BATCH_SIZE_MAX ? (events.at(-1)?.position ?? end) : Math.max(end, upTo);
        if (events.length > 0) take(events);
        else if (!isStopped && !isNotified) await pause.wait(log.isSettling ? LOOK_AGAIN_MS : POLL_MS);
      } catch (error) {
        onFailure(error);
        if (isDefect(error)) return;
        if (!isStopped) await pause.wait(backoff.nextMs());
      }
    }
  };
  await sql.listen(OUTBOX_WAKE_UP, () => {
    isNotified = true;
    pause.cut();
  });
  const running = run();
  return {
    timeline,
    get end() {
      return end;
    },
    get isStopped() {
      return isStopped;
    },
    read: async (after) =>
      recent.after(after) ?? readLiveEvents(sql, { after, upTo: end, limit: BATCH_SIZE_MAX }, onDefect),
    next: () => arrival.promise,
    stop: async () => {
      isStopped = true;
      pause.cut();
      announce();
      await running;
      recent.clear();
    },
  };
}

/** Keeps the newest events, and which position they begin after. */
function createRecentEvents(end: number) {
  /** The position from which `events` holds every event. */
  let floor = end;
  let events: LiveEvent[] = [];
  return {
    add(more: readonly LiveEvent[]): void {
      events.push(...more);
      if (events.length <= RECENT_MAX) return;
      const dropped = events.splice(0, events.length - RECENT_MAX);
      floor = dropped.at(-1)?.position ?? floor;
    },
    /** Returns the next events after a position, or null if some of them are kept no longer. */
    after(after: number): LiveEvent[] | null {
      if (after < floor) return null;
      const index = events.findIndex(({ position }) => position > after);
      return index === -1 ? [] : events.slice(index, index + BATCH_SIZE_MAX);
    },
    clear(): void {
      events = [];
    },
  };
}
