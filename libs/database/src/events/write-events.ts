import { entityOf, type WrittenEvent } from "@turno/contracts";
import type { Transaction } from "../connection.ts";
import { asJson, asLines } from "../rows.ts";
import { OUTBOX_WAKE_UP } from "../wake-ups.ts";
import type { EventMemory } from "./event-memory.ts";

/** An event to write in the transaction of its change. `sequence` counts the events of its entity without a gap. */
export type NewEvent = WrittenEvent & { id: string; sequence: number };

/** The most events in a row of the outbox. It bounds what the relay has on its way. */
export const OUTBOX_ROW_MAX = 256;

/**
 * Returns the part of a statement that queues the events of its part `happened` for the relay, in the order of their
 * positions. One row holds them all, because a row each would cost as much as the events.
 */
export function queueHappened(tx: Transaction) {
  return tx`
    insert into outbox (position, positions)
    select min(position), array_agg(position order by position)
    from (
      select position, (row_number() over (order by position) - 1) / ${OUTBOX_ROW_MAX}::int as part from happened
    ) as numbered
    group by part`;
}

/**
 * Writes events and queues them for the relay, in the order given. The memory gets them with their content, the payload
 * of the message that an event names.
 */
export async function writeEvents(
  tx: Transaction,
  events: readonly NewEvent[],
  occurredAt: Date,
  memory?: { events: EventMemory; contentOf: (messageId: string) => string },
): Promise<void> {
  if (events.length === 0) return;
  const rows = events.map(toRow);
  const data = events.map((event) => JSON.stringify(event.data));
  // The transaction has its id before it takes a position, as `turno_event_position` has it for single rows.
  const [written] = await tx<{ positions: number[] }[]>`
    with happened as (
      insert into events (id, type, entity_id, sequence, phone_number_id, message_id, occurred_at, data, position)
      select id, type, "entityId", sequence, "phoneNumberId", "messageId", ${occurredAt}, data::json,
        nextval('events_position')
      from pg_current_xact_id(), rows from (
        json_to_recordset(${asJson(rows)}::text::json) as (
          id uuid, type text, "entityId" uuid, sequence int, "phoneNumberId" text, "messageId" uuid),
        turno_lines(${asLines(data)})
      ) as event(id, type, "entityId", sequence, "phoneNumberId", "messageId", data)
      returning position
    ), queued as (${queueHappened(tx)})
    select array_agg(position order by position) as positions, pg_notify(${OUTBOX_WAKE_UP}, '') from happened`;
  memory?.events.keep(
    rows.map(({ id, type, entityId, sequence, phoneNumberId, messageId }, index) => ({
      position: written?.positions[index] ?? -1,
      id,
      type,
      entityId,
      sequence,
      phoneNumberId,
      occurredAt,
      data: data[index] ?? "",
      content: messageId === null ? null : memory.contentOf(messageId),
    })),
  );
}

/** Makes an event's envelope. Nothing else does, except the statement of assignments, which already has it. */
function toRow(event: NewEvent) {
  const { id, type, sequence, messageId = null } = event;
  const { entityId, phoneNumberId } = entityOf(event);
  return { id, type, entityId, sequence, phoneNumberId, messageId };
}
