import { eventSubject } from "@turno/contracts";
import type { Sql } from "@turno/database";
import type { Connection } from "@turno/messaging";
import { setTimeout as pause } from "node:timers/promises";

const POLL_MS = 20;
const BATCH_SIZE = 200;

interface OutboxRow {
  position: number;
  id: string;
  type: string;
  entityId: string;
  sequence: number;
  phoneNumberId: string;
  occurredAt: Date;
  data: Record<string, unknown>;
  content: unknown;
}

/** The usual outbox: polled every 20 ms, a batch published at once, then deleted. */
export async function runPlainRelay(sql: Sql, connection: Connection): Promise<void> {
  const jetstream = connection.nats.jetstream();
  for (;;) {
    const rows = await sql<OutboxRow[]>`
      select outbox.position, event.id, event.type, event.entity_id as "entityId", event.sequence,
        event.phone_number_id as "phoneNumberId", event.occurred_at as "occurredAt", event.data,
        message.payload as content
      from outbox join events as event on event.position = outbox.position
        left join messages as message on message.id = event.message_id
      order by outbox.position limit ${BATCH_SIZE}`;
    await Promise.all(rows.map((row) => jetstream.publish(subjectOf(row), payloadOf(row), { msgID: row.id })));
    if (rows.length > 0)
      await sql`delete from outbox where position = any(${rows.map(({ position }) => position)}::bigint[])`;
    if (rows.length < BATCH_SIZE) await pause(POLL_MS);
  }
}

const subjectOf = (row: OutboxRow) => eventSubject(row.type, row.phoneNumberId, row.entityId);

function payloadOf({ id, type, occurredAt, sequence, data, content }: OutboxRow): string {
  const whole = content === null ? data : { ...data, content };
  return JSON.stringify({ id, type, version: 1, occurredAt, sequence, source: "plain", data: whole });
}
