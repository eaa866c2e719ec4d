import { INBOUND_HEADERS, inboundPartsSubject, partsOf } from "@turno/contracts";
import { setTimeout as pause } from "node:timers/promises";
import { BrokerFailure, type Connection } from "./connection.ts";
import { readLog, readLogEnd, type LogReading, type LogRecord } from "./log-records.ts";

const PARTS_MS_MAX = 10_000;
const LOOK_EVERY_MS = 200;

/**
 * Reads the beginning of a divided line; an empty text for a whole record. The record says where its parts are, so a
 * reader that starts between them misses nothing. Throws a `RangeError` if they are gone, and a `BrokerFailure` if they
 * cannot be read now.
 */
export async function readBeginning(connection: Connection, stream: string, record: LogRecord): Promise<string> {
  const divided = partsOf(record.header);
  if (divided === null) return "";
  const { lineId, sequences } = divided;
  const startSequence = sequences[0] ?? 0;
  if ((await readLogEnd(connection, stream)).firstSequence > startSequence) throw gone(lineId);
  const reading = await readLog(connection, { stream, subjects: [inboundPartsSubject()], startSequence });
  try {
    const texts = new Map<number, string>();
    const end = sequences.at(-1) ?? 0;
    await Promise.race([collect(reading, { lineId, end, texts }), waitForEnd(reading, lineId)]);
    return sequences
      .map((sequence) => {
        const text = texts.get(sequence);
        if (text === undefined) throw gone(lineId);
        return text;
      })
      .join("");
  } finally {
    await reading.stop();
  }
}

const gone = (lineId: string) => new RangeError(`parts of the divided line ${lineId} are gone from the log`);

async function collect(
  reading: LogReading,
  { lineId, end, texts }: { lineId: string; end: number; texts: Map<number, string> },
): Promise<void> {
  for await (const part of reading.records) {
    if (part.header(INBOUND_HEADERS.line) === lineId) texts.set(part.sequence, part.text());
    if (part.sequence >= end) return;
  }
}

/** Waits until a deleted part can never come: all others have come in, and the log holds no more. */
async function waitForEnd(reading: LogReading, lineId: string): Promise<void> {
  const deadline = performance.now() + PARTS_MS_MAX;
  while (performance.now() < deadline) {
    await pause(LOOK_EVERY_MS, undefined, { ref: false });
    const { pending, areOthersHere } = await reading.progress();
    if (pending === 0 && areOthersHere) return;
  }
  throw new BrokerFailure(`the parts of the divided line ${lineId} do not come in`);
}
