import { EVENTS, eventSubject, type EventType } from "@turno/contracts";
import type { StoredEvent } from "@turno/database";

const SOURCE = "turno";

/**
 * An event as it lies on `EVENTS`: the envelope as JSON, CloudEvents 1.0 attributes as headers in binary mode, values
 * percent-encoded. Source: CloudEvents, NATS protocol binding 1.0.2. JSON that came from the database is passed on as it
 * is, so that no digit and no U+0000 is harmed.
 */
export function encodeEvent(event: StoredEvent): { subject: string; payload: string; headers: Record<string, string> } {
  const { version } = EVENTS[event.type as EventType];
  const time = event.occurredAt.toISOString();
  const data = event.content === null ? event.data : `${event.data.slice(0, -1)},"content":${event.content}}`;
  const envelope = {
    id: event.id,
    type: event.type,
    version,
    occurredAt: time,
    sequence: event.sequence,
    source: SOURCE,
  };
  return {
    subject: eventSubject(event.type, event.phoneNumberId, event.entityId),
    payload: `${JSON.stringify(envelope).slice(0, -1)},"data":${data}}`,
    headers: {
      "ce-id": event.id,
      "ce-source": SOURCE,
      "ce-specversion": "1.0",
      "ce-type": `turno.${event.type}.v${version}`,
      "ce-subject": event.entityId,
      "ce-time": encodeURIComponent(time),
      "content-type": "application/json",
    },
  };
}
