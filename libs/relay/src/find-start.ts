import { EVENT_SUBJECTS, STREAMS } from "@turno/contracts";
import { readClock, readLastPosition, type Sql } from "@turno/database";
import { readMessageIds, type Connection, type LogEnd } from "@turno/messaging";
import { listRelayMarks, readFirstPosition, type RelayMark, type RelayState } from "./relay-state.ts";

/** How long `EVENTS` keeps messages. */
const RETENTION_MS = 30 * 24 * 60 * 60 * 1000;

interface Beginning {
  sql: Sql;
  connection: Connection;
  known: RelayState | null;
  end: LogEnd;
}

/** Where to begin to compare the stream with the outbox, and the last mark that still holds. */
export type Start = RelayState & { marksTo: number };

/**
 * Finds where to start, and what the stream has lost. Returns null if it still holds what was noted: then `known` is
 * the start.
 */
export async function findStart(beginning: Beginning): Promise<Start | null> {
  const { sql, connection, known, end } = beginning;
  const { streamId, firstSequence, lastSequence } = end;
  if (known?.streamId === streamId && (await holds(connection, end, known))) return null;
  const to = await readLastPosition(sql);
  if (known === null) {
    // Nothing was ever published out of this database, because a start is noted before.
    return { streamId, sequence: lastSequence, messageId: null, positionMax: to, refill: null, marksTo: lastSequence };
  }
  const beginningOfStream = { sequence: Math.max(0, firstSequence - 1), messageId: null, positionMax: 0 };
  const marks = await listRelayMarks(sql, streamId, lastSequence);
  const mark = await findHeldMark(connection, end, marks);
  if (mark === null) {
    const sinceId = firstIdFrom((await readClock(sql)).getTime() - RETENTION_MS);
    const first = await readFirstPosition(sql, sinceId);
    const refill = { after: first === null ? to : first - 1, to };
    return { streamId, ...beginningOfStream, refill, marksTo: -1 };
  }
  // Events above the mark's that lie in the stream were published after a mark that holds none of them.
  const { sequence, messageId, positionMax } =
    marks.find((before) => before.sequence <= mark.sequence && before.positionMax <= mark.wholeTo) ?? beginningOfStream;
  const refill = { after: Math.min(mark.wholeTo, to), to };
  return { streamId, sequence, messageId, positionMax, refill, marksTo: mark.sequence };
}

/** Finds the last mark whose message is still at its sequence. */
async function findHeldMark(
  connection: Connection,
  end: LogEnd,
  marks: readonly RelayMark[],
): Promise<RelayMark | null> {
  // What was lost is the tail, so the steps may grow: a mark further back only means that more is compared.
  for (let index = 0; index < marks.length; index = index * 2 + 1) {
    const mark = marks[index];
    if (mark !== undefined && (await holds(connection, end, mark))) return mark;
  }
  return null;
}

/** Returns whether the stream reaches a sequence and holds there what it held. What was deleted cannot be told. */
async function holds(
  connection: Connection,
  { firstSequence, lastSequence }: LogEnd,
  { sequence, messageId }: Pick<RelayMark, "sequence" | "messageId">,
): Promise<boolean> {
  if (sequence > lastSequence) return false;
  if (messageId === null || sequence < firstSequence) return true;
  const range = { stream: STREAMS.events, subjects: [EVENT_SUBJECTS], from: sequence, to: sequence, pieceMax: 1 };
  for await (const { messages } of readMessageIds(connection, range)) {
    const [message] = messages;
    if (message !== undefined) return message.id === messageId;
  }
  return true;
}

/** Returns the first uuid v7 of an instant. Source: RFC 9562, section 5.7. */
function firstIdFrom(ms: number): string {
  const hex = Math.max(0, ms).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7000-8000-000000000000`;
}
