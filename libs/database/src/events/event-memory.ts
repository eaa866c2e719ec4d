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
  /**
   * Forgets everything. After a crash of Postgres positions that undone transactions had taken may be taken once more.
   * Source: PostgreSQL, "Sequence Manipulation Functions".
   */
  clear(): void;
}

/** Of the texts, in UTF-16 code units. What does not fit is read from the database. */
const LENGTH_MAX = 16 * 1024 * 1024;
/** More than are ever on their way: an event takes the place of the one that came so many positions before. */
const PLACES = 32_768;

/**
 * `isWanted` says whether this process' relay is the one that publishes.
 *
 * It keeps places and no map: as a map changes with each event, V8 leaves a chain of its old tables behind, which keeps
 * events long published until the next full collection.
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
