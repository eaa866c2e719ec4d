import type { InboundLine } from "@turno/contracts";

export interface RecordLimits {
  linesMax: number;
  /** The bound of a record. A single larger line gets a record of its own. */
  bytesMax: number;
}

/** A delivery under way. It is answered when nothing of it remains to be stored. */
export interface Delivery {
  remaining: number;
  deadline: number;
  isSettled: boolean;
  settle(failure?: Error): void;
}

/** A line that waits to be stored, with its delivery. */
export interface WaitingLine extends InboundLine {
  bytes: number;
  delivery: Delivery;
}

export interface InboundRecord {
  lines: WaitingLine[];
  bytes: number;
}

/** Takes what fits into one record, in order of arrival, and drops lines of deliveries that are already answered. */
export function takeRecord(
  waiting: WaitingLine[],
  limits: RecordLimits,
): { record: InboundRecord | null; abandonedBytes: number } {
  const record: InboundRecord = { lines: [], bytes: 0 };
  let abandonedBytes = 0;
  let taken = 0;
  for (const line of waiting) {
    const isFull = record.lines.length >= limits.linesMax || record.bytes + line.bytes > limits.bytesMax;
    if (line.delivery.isSettled) abandonedBytes += line.bytes;
    else if (isFull && record.lines.length > 0) break;
    else {
      record.lines.push(line);
      record.bytes += line.bytes;
    }
    taken += 1;
  }
  waiting.splice(0, taken);
  return { record: record.lines.length === 0 ? null : record, abandonedBytes };
}
