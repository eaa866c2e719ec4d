import { EVENT_SUBJECTS, envelopeSchema, STREAMS, type Envelope } from "@turno/contracts";
import { readLog, readLogEnd, type Connection, type LogReading } from "@turno/messaging";
import { startLoop } from "@turno/runtime";

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
  let reading: LogReading | null = null;
  let next = 0;
  const readOn = async (stopping: AbortSignal) => {
    const { firstSequence, lastSequence } = await readLogEnd(connection, STREAMS.events);
    next = Math.max(next, firstSequence, lastSequence - EVENTS_READ_BACK_MAX);
    if (next > lastSequence) caughtUp.resolve();
    reading = await readLog(connection, { stream: STREAMS.events, subjects: [EVENT_SUBJECTS], startSequence: next });
    if (stopping.aborted) await reading.stop();
    for await (const record of reading.records) {
      const envelope = envelopeSchema.safeParse(JSON.parse(record.text()));
      if (envelope.success) onEvent(envelope.data);
      next = record.sequence + 1;
      if (record.sequence >= lastSequence) caughtUp.resolve();
    }
  };
  // The broker may be away for a moment: it is one of the parts that may be killed for a try.
  const loop = startLoop({ run: readOn, pauseMs: RETRY_MS, onFailure });
  return {
    caughtUp: caughtUp.promise,
    stop: async () => {
      const stopped = loop.stop();
      await reading?.stop();
      await stopped;
    },
  };
}
