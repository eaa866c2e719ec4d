import type { Sql, StoredEvent } from "@turno/database";
import { isDefect } from "@turno/runtime";
import type { EncodedEvent } from "./encode-event.ts";
import { divideRows, type OutboxRow } from "./outbox.ts";

/**
 * Events that cannot be written because of a defect, and all later ones of the same entities, which would else go out before
 * them. They stay in the outbox, in rows of their own that are passed over, and are tried again after a while.
 */
export interface HeldEvents {
  readonly entityIds: ReadonlySet<string>;
  /** Rows of the outbox in which nothing else is. */
  readonly rows: readonly number[];
  /** By the monotonic clock. */
  readonly until: number;
}

export const HOLDS_NOTHING: HeldEvents = { entityIds: new Set(), rows: [], until: Infinity };
const HOLD_MS = 60_000;

/** Hears of each event that a defect follows from. */
export type OnHeld = (error: unknown, event: Pick<StoredEvent, "id" | "type" | "entityId">) => void;

/** Writes events in their order. `held` are the positions of those that are held back, and `entityIds` whose they are. */
export function encodeAll(
  events: readonly StoredEvent[],
  { encode, held, onHeld }: { encode: (event: StoredEvent) => EncodedEvent; held: HeldEvents; onHeld: OnHeld },
): { messages: (EncodedEvent & { id: string })[]; held: number[]; entityIds: ReadonlySet<string> } {
  const entityIds = new Set(held.entityIds);
  const positions: number[] = [];
  const messages = [];
  for (const event of events) {
    const message = entityIds.has(event.entityId) ? null : encodeOrHold(event, encode, onHeld);
    if (message !== null) {
      messages.push({ ...message, id: event.id });
      continue;
    }
    entityIds.add(event.entityId);
    positions.push(event.position);
  }
  return { messages, held: positions, entityIds };
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
    entityIds,
  }: { rows: readonly OutboxRow[]; positions: readonly number[]; entityIds: ReadonlySet<string> },
): Promise<HeldEvents> {
  const heldRows = await divideRows(sql, rows, new Set(positions));
  const until = Math.min(held.until, performance.now() + HOLD_MS);
  return { entityIds, rows: [...held.rows, ...heldRows], until };
}
