/** An event as the relay publishes it. `data` and `content` are JSON text, passed on as they are. */
export interface StoredEvent {
  position: number;
  id: string;
  type: string;
  entityId: string;
  sequence: number;
  phoneNumberId: string;
  occurredAt: Date;
  data: string;
  content: string | null;
}

/**
 * Events that this process has just written, by their positions, so that its relay need not read them back. Whether their
 * transaction was committed it does not know: that the outbox says, where the position of one that was undone never comes.
 */
export interface EventMemory {
  keep(events: readonly StoredEvent[]): void;
  /** Gives an event away: who needs it once more reads it from the database. */
  take(position: number): StoredEvent | undefined;
}

/** Of the texts, in UTF-16 code units. What is older than that is read from the database. */
const LENGTH_MAX = 16 * 1024 * 1024;

/** `isWanted` says whether this process' relay is the one that publishes. */
export function createEventMemory(isWanted: () => boolean): EventMemory {
  const events = new Map<number, StoredEvent>();
  let length = 0;
  const take = (position: number) => {
    const event = events.get(position);
    if (event !== undefined) length -= lengthOf(event);
    events.delete(position);
    return event;
  };
  return {
    keep(written) {
      if (!isWanted()) return;
      for (const event of written) {
        events.set(event.position, event);
        length += lengthOf(event);
      }
      for (const position of events.keys()) {
        if (length <= LENGTH_MAX) break;
        take(position);
      }
    },
    take,
  };
}

const lengthOf = ({ data, content }: StoredEvent) => data.length + (content?.length ?? 0);
