import type { Transaction } from "../connection.ts";
import { asJson } from "../rows.ts";

/** An event to write in the transaction of its change. `sequence` counts the events of `entityId` without a gap. */
export interface NewEvent {
  id: string;
  type: string;
  entityId: string;
  sequence: number;
  phoneNumberId: string;
  /** The message whose payload the relay puts in as `content`, or null. */
  messageId: string | null;
  data: unknown;
}

/** The channel on which the relay is woken. A wake-up only: the outbox is the truth. */
export const OUTBOX_CHANNEL = "turno_outbox";

/** Writes events and queues them for the relay, in the order given. */
export async function writeEvents(tx: Transaction, events: readonly NewEvent[], occurredAt: Date): Promise<void> {
  if (events.length === 0) return;
  await tx`
    with event as materialized (
      select * from json_to_recordset(${asJson(events)}::text::json) as event(
        id uuid, type text, "entityId" uuid, sequence int, "phoneNumberId" text, "messageId" uuid, data json)
    ), written as (
      insert into events (id, type, entity_id, sequence, phone_number_id, message_id, occurred_at, data)
      select id, type, "entityId", sequence, "phoneNumberId", "messageId", ${occurredAt}, data from event
      returning position, id
    ), queued as (
      insert into outbox (position, event_id) select position, id from written
    )
    select pg_notify(${OUTBOX_CHANNEL}, '')`;
}
