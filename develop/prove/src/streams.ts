import {
  decodeInboundRecord,
  EVENT_SUBJECTS,
  INBOUND_FORMAT,
  INBOUND_HEADERS,
  INBOUND_SUBJECTS,
  STREAMS,
} from "@turno/contracts";
import { readLog, readLogEnd, type Connection, type LogEnd, type LogRecord } from "@turno/messaging";

/** Reads what a stream got since it ended there, or all of it where it is another stream by now. */
async function readSince(
  connection: Connection,
  range: { stream: string; subject: string; since: LogEnd },
  onRecord: (record: LogRecord) => void,
): Promise<{ isWhole: boolean }> {
  const { stream, subject, since } = range;
  const end = await readLogEnd(connection, stream);
  const isWhole = end.streamId !== since.streamId || end.lastSequence < since.lastSequence;
  const startSequence = isWhole ? 1 : since.lastSequence + 1;
  if (end.lastSequence < startSequence) return { isWhole };
  const reading = await readLog(connection, { stream, subjects: [subject], startSequence });
  for await (const record of reading.records) {
    onRecord(record);
    if (record.sequence >= end.lastSequence) break;
  }
  await reading.stop();
  return { isWhole };
}

/** The keys of all updates in `INBOUND` since then, with their places: those of their first times. */
export async function readInboundPlaces(connection: Connection, since: LogEnd): Promise<Map<string, number>> {
  const places = new Map<string, number>();
  await readSince(connection, { stream: STREAMS.inbound, subject: INBOUND_SUBJECTS, since }, (record) => {
    // Parts and probes stand in the stream beside the records.
    if (record.header(INBOUND_HEADERS.format) !== INBOUND_FORMAT) return;
    for (const { json } of decodeInboundRecord(record.text(), record.header)) {
      const { key } = JSON.parse(json) as { key: string };
      if (!places.has(key)) places.set(key, places.size);
    }
  });
  return places;
}

export interface PublishedEvent {
  id: string;
  entityId: string;
  sequence: number;
}

/** What `EVENTS` got since then, in its order, each event once. */
export async function readPublished(
  connection: Connection,
  since: LogEnd,
): Promise<{ events: PublishedEvent[]; isWhole: boolean }> {
  const events = new Map<string, PublishedEvent>();
  const { isWhole } = await readSince(
    connection,
    { stream: STREAMS.events, subject: EVENT_SUBJECTS, since },
    (record) => {
      const { id, sequence } = JSON.parse(record.text()) as { id: string; sequence: number };
      if (!events.has(id)) events.set(id, { id, sequence, entityId: record.header("ce-subject") });
    },
  );
  return { events: [...events.values()], isWhole };
}
