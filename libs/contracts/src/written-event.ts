import type { EventData, EventType } from "./events.ts";

/** What a service writes of an event's data. `content` it leaves out: the relay puts the message's payload in its place. */
export type WrittenData<T extends EventType> = Omit<EventData<T>, "content">;

/** Whether an event has `content`, and so names the message whose payload that is. */
type NamesMessage<T extends EventType> = "content" extends keyof EventData<T>
  ? { messageId: string }
  : { messageId?: null };

/** An event as a service writes it: each type with its own data, so that a wrong field does not compile. */
export type WrittenEvent = {
  [T in EventType]: { type: T; data: WrittenData<T> } & NamesMessage<T>;
}[EventType];

/** Stands where a subject names a business number, for events that belong to none. */
const NO_NUMBER = "-";

/** Returns the one whose events `sequence` counts, and the business number to which the event belongs. */
export function entityOf(event: WrittenEvent): { entityId: string; phoneNumberId: string } {
  switch (event.type) {
    case "agent.updated":
      return { entityId: event.data.agentId, phoneNumberId: NO_NUMBER };
    case "ticket.edited":
      return { entityId: event.data.ticketId, phoneNumberId: NO_NUMBER };
    case "contact.renumbered":
      return { entityId: event.data.contactId, phoneNumberId: event.data.phoneNumberId };
    default:
      return { entityId: event.data.conversationId, phoneNumberId: event.data.phoneNumberId };
  }
}
