import { STREAMS } from "@turno/contracts";
import { readClock, readRelayState, refillOutbox, type Sql } from "@turno/database";
import { readLogMessageId, type Connection, type LogEnd } from "@turno/messaging";

/** Longer than any of our transactions may last: events of this span may have come in another order than their ids. */
const COMMIT_SPAN_MS_MAX = 120_000;
/** As long as `EVENTS` keeps messages. */
const RETENTION_MS = 30 * 24 * 60 * 60 * 1000;

/**
 * Where the stream has lost what it had acknowledged (power cut, rebuilt), queues the missing events once more, under
 * their ids. Those that are there still are dropped by the stream's dedupe window or come a second time, which is what
 * at least once allows. Returns how many were queued.
 */
export async function refillBehindStream(sql: Sql, connection: Connection, end: LogEnd): Promise<number> {
  const state = await readRelayState(sql, STREAMS.events);
  if (state === null || (state.streamId === end.streamId && state.sequence <= end.lastSequence)) return 0;
  const lastId = end.lastSequence === 0 ? null : await readLogMessageId(connection, STREAMS.events, end.lastSequence);
  const sinceMs =
    lastId === null ? (await readClock(sql)).getTime() - RETENTION_MS : instantOf(lastId) - COMMIT_SPAN_MS_MAX;
  return refillOutbox(sql, firstIdFrom(sinceMs));
}

/** The instant of a uuid v7, in milliseconds. Source: RFC 9562, section 5.7. */
function instantOf(id: string): number {
  return Number.parseInt(id.replace("-", "").slice(0, 12), 16);
}

function firstIdFrom(ms: number): string {
  const hex = Math.max(0, ms).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7000-8000-000000000000`;
}
