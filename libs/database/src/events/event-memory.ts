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
 * Events that this process has just written, by position, so that its relay need not read them back. It does not know
 * whether their transaction was committed; the outbox does, and never names the position of one that was undone.
 */
export interface EventMemory {
  keep(events: readonly StoredEvent[]): void;
  /** Returns and forgets an event. A second reader gets it from the database. */
  take(position: number): StoredEvent | undefined;
  /**
   * Forgets everything. After a crash of Postgres, positions of undone transactions may be taken again. Source:
   * PostgreSQL, "Sequence Manipulation Functions".
   */
  clear(): void;
}

/** The most text that it keeps, in UTF-16 code units. The rest is read from the database. */
const LENGTH_MAX = 16 * 1024 * 1024;
/** More places than events are ever on their way: an event replaces the one that came so many positions before. */
const PLACES = 32_768;

/**
 * Creates the memory. `isWanted` returns whether this process' relay leads.
 *
 * It keeps an array of places instead of a map: V8 leaves a chain of old tables behind a map that changes with each
 * event, and that chain keeps events long published until the next full collection.
 */
export function createEventMemory(isWanted: () => boolean): EventMemory {
  const places = Array.from<StoredEvent | undefined>({ length: PLACES });
  let length = 0;
  const free = (place: number) => {
    const event = places[place];
    if (event === undefined) return;
    length -= lengthOf(event);
    places[place] = undefined;
  };
  return {
    keep(written) {
      if (!isWanted()) return;
      for (const event of written) {
        const place = event.position % PLACES;
        free(place);
        if (length + lengthOf(event) > LENGTH_MAX) continue;
        places[place] = event;
        length += lengthOf(event);
      }
    },
    take(position) {
      const event = places[position % PLACES];
      if (event?.position !== position) return undefined;
      free(position % PLACES);
      return event;
    },
    clear() {
      places.fill(undefined);
      length = 0;
    },
  };
}

const lengthOf = ({ data, content }: StoredEvent) => data.length + (content?.length ?? 0);
