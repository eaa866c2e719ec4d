import { EVENTS, eventSubject, type EventType } from "@turno/contracts";
import type { StoredEvent } from "@turno/database";

const SOURCE = "turno";

export interface EncodedEvent {
  subject: string;
  payload: string;
  headers: Record<string, string>;
}

/**
 * Creates the encoder of events: the envelope as JSON, CloudEvents 1.0 attributes as headers in binary mode, values
 * percent-encoded. Source: CloudEvents, NATS protocol binding 1.0.2. JSON from the database passes unchanged, so that
 * no digit and no U+0000 is harmed. The events of one transaction have one instant, which is written once.
 */
export function createEventEncoder(timeline: string): (event: StoredEvent) => EncodedEvent {
  let instant = { ms: Number.NaN, time: "", header: "" };
  const instantOf = (occurredAt: Date) => {
    const ms = occurredAt.getTime();
    if (ms === instant.ms) return instant;
    const time = occurredAt.toISOString();
    return (instant = { ms, time, header: encodeURIComponent(time) });
  };
  return (event) => {
    const { id, type, entityId, sequence } = event;
    const { version } = EVENTS[type as EventType];
    const { time, header } = instantOf(event.occurredAt);
    const data = event.content === null ? event.data : `${event.data.slice(0, -1)},"content":${event.content}}`;
    // Ids, types and instants are ours and hold nothing that JSON escapes.
    const place = `"id":"${id}","type":"${type}","version":${version},"occurredAt":"${time}","sequence":${sequence}`;
    return {
      subject: eventSubject(type, event.phoneNumberId, entityId),
      payload: `{${place},"source":"${SOURCE}","timeline":"${timeline}","data":${data}}`,
      headers: {
        "ce-id": id,
        "ce-source": SOURCE,
        "ce-specversion": "1.0",
        "ce-type": `turno.${type}.v${version}`,
        "ce-subject": entityId,
        "ce-time": header,
        "ce-turnotimeline": timeline,
        "content-type": "application/json",
      },
    };
  };
}
