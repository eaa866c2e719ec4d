import { EVENT_SUBJECTS, STREAMS } from "@turno/contracts";
import { dropFromOutbox, readClock, readRelayState, refillOutbox, type Sql } from "@turno/database";
import { readLogMessageIds, type Connection, type LogEnd } from "@turno/messaging";

/**
 * More than a relay publishes before the database has synced that it did, which takes it three times its
 * `wal_writer_delay` of 200 ms: what it published and did not live to note lies within the stream's tail.
 */
const TAIL_SIZE = 16_384;
/** More than is published within `COMMIT_SPAN_MS_MAX`: what a refill must not publish again. */
const REFILL_TAIL_SIZE = 200_000;
/** Longer than any of our transactions may last: events of this span may be published in another order than their ids. */
const COMMIT_SPAN_MS_MAX = 60_000;
/** As long as `EVENTS` keeps messages. */
const RETENTION_MS = 30 * 24 * 60 * 60 * 1000;

/**
 * Brings outbox and stream together before a relay goes on: what lies in the stream's tail leaves the outbox, and where
 * the stream has lost what it had acknowledged (power cut, rebuilt) the missing events are queued once more, under their
 * ids. Returns how many were.
 */
export async function reconcile(sql: Sql, connection: Connection, end: LogEnd): Promise<number> {
  const state = await readRelayState(sql, STREAMS.events);
  const isBehind = state !== null && (state.streamId !== end.streamId || state.sequence > end.lastSequence);
  const size = isBehind ? REFILL_TAIL_SIZE : TAIL_SIZE;
  const from = Math.max(end.firstSequence, end.lastSequence - size + 1);
  const range = { stream: STREAMS.events, subjects: [EVENT_SUBJECTS], from, to: end.lastSequence };
  const tail = end.lastSequence === 0 ? [] : await readLogMessageIds(connection, range);
  await dropFromOutbox(sql, tail);
  if (!isBehind) return 0;
  const lastId = tail.at(-1);
  const sinceMs =
    lastId === undefined ? (await readClock(sql)).getTime() - RETENTION_MS : instantOf(lastId) - COMMIT_SPAN_MS_MAX;
  return refillOutbox(sql, firstIdFrom(sinceMs), tail);
}

/** The instant of a uuid v7, in milliseconds. Source: RFC 9562, section 5.7. */
function instantOf(id: string): number {
  return Number.parseInt(id.replace("-", "").slice(0, 12), 16);
}

function firstIdFrom(ms: number): string {
  const hex = Math.max(0, ms).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7000-8000-000000000000`;
}
