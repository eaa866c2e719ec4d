import { EVENT_SUBJECTS, STREAMS } from "@turno/contracts";
import { watchPositions, type EventLog, type Sql } from "@turno/database";
import { checkStream, EVENTS_STREAM, readLogEnd, readMessageIds, type Connection } from "@turno/messaging";
import { findStart } from "./find-start.ts";
import { HOLDS_NOTHING, type HeldEvents } from "./held-events.ts";
import { dropFromOutbox } from "./outbox.ts";
import type { Refill } from "./refill.ts";
import { noteRelaySequence, readRelayState, startRelayState, type RelayState } from "./relay-state.ts";

/** What the leading relay knows of the stream and the outbox. It forgets this with the lead. */
export interface Lead {
  streamId: string;
  /** Whether the stream takes atomic batches. */
  isAtomic: boolean;
  /** Where the stream ends, as far as this relay knows, and the id of its last message, if it is ours. */
  lastSequence: number;
  lastId: string | null;
  /** The stream holds no event above it. */
  positionMax: number;
  /** What has to be published to the stream again. */
  refill: Refill | null;
  /** Positions within the refill that the stream already has. When none is left, the end of the stream is noted. */
  present: Set<number>;
  /** Rows of the outbox that are published whole: they go with the next look, or soon. */
  publishedRows: number[];
  /** The position up to which the table of events is complete. */
  positions: EventLog;
  /** What cannot be published because of a defect, with what must not go out before it. */
  held: HeldEvents;
  marked: { at: number; sequence: number; wholeTo: number };
  /** When the end of the stream was last known, by the monotonic clock. */
  seenAt: number;
}

export interface TakeOver {
  sql: Sql;
  connection: Connection;
  /** Returns whether the lead is still wanted, and the lock still held. */
  isWanted: () => boolean;
  /** Hears how many messages of the stream are not events of this database. */
  onUnknown: (count: number) => void;
  onRefill: (refill: Refill) => void;
}

/** How many messages of the stream are compared with the outbox in one transaction. */
const PIECE_SIZE = 4_096;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * Brings outbox and stream together before a relay goes on. What the stream has beyond what was noted leaves the
 * outbox. If the stream has lost what it had acknowledged, a refill begins. Every piece is noted, so an interrupted
 * takeover goes on where it was. Returns null if the lead is no longer wanted.
 */
export async function takeOver(options: TakeOver): Promise<Lead | null> {
  const { sql, connection } = options;
  await checkStream(connection, EVENTS_STREAM);
  const end = await readLogEnd(connection, STREAMS.events);
  const known = await readRelayState(sql, STREAMS.events);
  const found = await findStart({ sql, connection, known, end });
  if (found !== null) await startRelayState(sql, STREAMS.events, found);
  const start = found ?? known;
  if (start === null) throw new Error("a start that was found or known is neither");
  if (start.refill !== null) options.onRefill(start.refill);
  const lead: Lead = {
    streamId: start.streamId,
    isAtomic: end.isAtomic,
    lastSequence: start.sequence,
    lastId: start.messageId,
    positionMax: start.positionMax,
    refill: start.refill,
    present: new Set(),
    publishedRows: [],
    positions: watchPositions(sql),
    held: HOLDS_NOTHING,
    marked: { at: 0, sequence: -1, wholeTo: -1 },
    seenAt: performance.now(),
  };
  return (await compare(options, lead, end.lastSequence)) ? lead : null;
}

/** Removes from the outbox what the stream holds after the lead's last sequence, up to another. */
async function compare(options: TakeOver, lead: Lead, to: number): Promise<boolean> {
  const { sql, connection } = options;
  const range = { stream: STREAMS.events, subjects: [EVENT_SUBJECTS], from: lead.lastSequence + 1, to };
  for await (const piece of readMessageIds(connection, { ...range, pieceMax: PIECE_SIZE })) {
    if (!options.isWanted()) return false;
    // What others put there may bear any id, or none.
    const ids = new Set(piece.messages.map(({ id }) => id).filter((id) => UUID.test(id)));
    const positions = await dropFromOutbox(sql, [...ids]);
    if (piece.messages.length > positions.length) options.onUnknown(piece.messages.length - positions.length);
    for (const position of positions) {
      lead.positionMax = Math.max(lead.positionMax, position);
      if (lead.refill !== null && position > lead.refill.after) lead.present.add(position);
    }
    const last = piece.messages.at(-1);
    lead.lastSequence = piece.to;
    lead.lastId = last?.sequence === piece.to ? last.id : null;
    const noted = notedOf(lead);
    if (noted !== null) await noteRelaySequence(sql, STREAMS.events, noted);
  }
  return options.isWanted();
}

/**
 * Returns what may be noted. While the stream holds events of a part that the refill has not reached, they must be
 * found again.
 */
export function notedOf(lead: Lead): Pick<RelayState, "sequence" | "messageId" | "positionMax"> | null {
  if (lead.present.size > 0) return null;
  return { sequence: lead.lastSequence, messageId: lead.lastId, positionMax: lead.positionMax };
}
