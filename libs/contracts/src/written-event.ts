import type { EventData, EventType } from "./events.ts";

/** An event's data as a service writes it, without `content`: the relay puts the message's payload in its place. */
export type WrittenData<T extends EventType> = Omit<EventData<T>, "content">;

/** Whether an event has `content`, and so names the message with that payload. */
type NamesMessage<T extends EventType> = "content" extends keyof EventData<T>
  ? { messageId: string }
  : { messageId?: null };

/** An event as a service writes it: each type with its own data, so that a wrong field does not compile. */
export type WrittenEvent = {
  [T in EventType]: { type: T; data: WrittenData<T> } & NamesMessage<T>;
}[EventType];

/** Replaces the business number in the subject of an event that belongs to none. */
const NO_NUMBER = "-";

/** Returns the entity whose events `sequence` counts, and the business number to which the event belongs. */
export function entityOf(event: WrittenEvent): { entityId: string; phoneNumberId: string } {
  switch (event.type) {
    case "agent.updated":
      return { entityId: event.data.agentId, phoneNumberId: NO_NUMBER };
    case "configuration.changed":
      return { entityId: event.data.requestId, phoneNumberId: NO_NUMBER };
    case "ticket.edited":
      return { entityId: event.data.ticketId, phoneNumberId: NO_NUMBER };
    case "contact.blocked":
    case "contact.unblocked":
      return { entityId: event.data.contactId, phoneNumberId: NO_NUMBER };
    case "contact.renumbered":
    case "contact.joined":
      return { entityId: event.data.contactId, phoneNumberId: event.data.phoneNumberId ?? NO_NUMBER };
    default:
      return { entityId: event.data.conversationId, phoneNumberId: event.data.phoneNumberId };
  }
}
