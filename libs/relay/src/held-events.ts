import type { Sql, StoredEvent } from "@turno/database";
import { isDefect } from "@turno/runtime";
import type { EncodedEvent } from "./encode-event.ts";
import { divideRows, type OutboxRow } from "./outbox.ts";

/**
 * Events that cannot be written because of a defect, and all later ones of the same entities, which would else go out before
 * them. They stay in the outbox, in rows of their own that are passed over, and are tried again after a while.
 */
export interface HeldEvents {
  /** From which position on, by entity. */
  readonly from: ReadonlyMap<string, number>;
  /** Rows of the outbox in which nothing else is. */
  readonly rows: readonly number[];
  /** By the monotonic clock. */
  readonly until: number;
}

export const HOLDS_NOTHING: HeldEvents = { from: new Map(), rows: [], until: Infinity };
const HOLD_MS = 60_000;

/** Hears of each event that a defect follows from. */
export type OnHeld = (error: unknown, event: Pick<StoredEvent, "id" | "type" | "entityId">) => void;

/** Writes events in their order. `held` are the positions of those that are held back, and `from` says whose they are. */
export function encodeAll(
  events: readonly StoredEvent[],
  { encode, held, onHeld }: { encode: (event: StoredEvent) => EncodedEvent; held: HeldEvents; onHeld: OnHeld },
): { messages: (EncodedEvent & { id: string })[]; held: number[]; from: ReadonlyMap<string, number> } {
  const from = new Map(held.from);
  const positions: number[] = [];
  const messages = [];
  for (const event of events) {
    const { entityId, position } = event;
    const isHeld = position >= (from.get(entityId) ?? Infinity);
    const message = isHeld ? null : encodeOrHold(event, encode, onHeld);
    if (message !== null) {
      messages.push({ ...message, id: event.id });
      continue;
    }
    if (!isHeld) from.set(entityId, position);
    positions.push(position);
  }
  return { messages, held: positions, from };
}

function encodeOrHold(
  event: StoredEvent,
  encode: (event: StoredEvent) => EncodedEvent,
  onHeld: OnHeld,
): EncodedEvent | null {
  try {
    return encode(event);
  } catch (error) {
    if (!isDefect(error)) throw error;
    onHeld(error, event);
    return null;
  }
}

/** Puts what is held into rows of the outbox of its own, so that the rest of its rows can be published and leave. */
export async function holdBack(
  sql: Sql,
  held: HeldEvents,
  {
    rows,
    positions,
    from,
  }: { rows: readonly OutboxRow[]; positions: readonly number[]; from: ReadonlyMap<string, number> },
): Promise<HeldEvents> {
  const heldRows = await divideRows(sql, rows, new Set(positions));
  const until = Math.min(held.until, performance.now() + HOLD_MS);
  return { from, rows: [...held.rows, ...heldRows], until };
}
