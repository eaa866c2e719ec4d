import { EVENT_SUBJECTS, envelopeSchema, STREAMS, type Envelope } from "@turno/contracts";
import { readLog, readLogEnd, type Connection, type LogReading } from "@turno/messaging";
import { setTimeout as pause } from "node:timers/promises";

/** What came before these many events is over for the demo. */
const EVENTS_READ_BACK_MAX = 100_000;
const RETRY_MS = 1000;

/** Reads all events in order, those of earlier starts first, and goes on with what happens. */
export interface History {
  /** Resolves once everything that had happened when the reading began was handed over. */
  readonly caughtUp: Promise<void>;
  stop(): Promise<void>;
}

export function readHistory(
  connection: Connection,
  { onEvent, onFailure }: { onEvent: (event: Envelope) => void; onFailure: (error: unknown) => void },
): History {
  const caughtUp = Promise.withResolvers<void>();
  const stopping = new AbortController();
  let reading: LogReading | null = null;
  let next = 0;
  const readOn = async () => {
    const { firstSequence, lastSequence } = await readLogEnd(connection, STREAMS.events);
    next = Math.max(next, firstSequence, lastSequence - EVENTS_READ_BACK_MAX);
    if (next > lastSequence) caughtUp.resolve();
    reading = await readLog(connection, { stream: STREAMS.events, subjects: [EVENT_SUBJECTS], startSequence: next });
    if (stopping.signal.aborted) await reading.stop();
    for await (const record of reading.records) {
      const envelope = envelopeSchema.safeParse(JSON.parse(record.text()));
      if (envelope.success) onEvent(envelope.data);
      next = record.sequence + 1;
      if (record.sequence >= lastSequence) caughtUp.resolve();
    }
  };
  const readUntilStopped = async () => {
    while (!stopping.signal.aborted) {
      // The broker may be away for a moment: it is one of the parts that may be killed for a try.
      await readOn().catch(onFailure);
      await pause(RETRY_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  };
  const ended = readUntilStopped();
  return {
    caughtUp: caughtUp.promise,
    stop: async () => {
      stopping.abort();
      await reading?.stop();
      await ended;
    },
  };
}
