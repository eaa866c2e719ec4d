import type { InboundLine } from "@turno/contracts";

export interface RecordLimits {
  linesMax: number;
  /** A single line may be larger; it then has a record of its own. */
  bytesMax: number;
}

/** A delivery under way: answered when nothing of it remains to be stored. */
export interface Delivery {
  remaining: number;
  deadline: number;
  isSettled: boolean;
  settle(failure?: Error): void;
}

/** The lines of one delivery in one lane; those before `next` are in a record already. */
export interface WaitingLines {
  delivery: Delivery;
  lines: InboundLine[];
  bytes: number[];
  next: number;
}

export interface InboundRecord {
  lines: InboundLine[];
  bytes: number;
  shares: { delivery: Delivery; count: number }[];
}

/** Takes what fits into one record, in order of arrival, and drops what belongs to deliveries already answered. */
export function takeRecord(
  waiting: WaitingLines[],
  limits: RecordLimits,
): { record: InboundRecord | null; abandonedBytes: number } {
  const record: InboundRecord = { lines: [], bytes: 0, shares: [] };
  let abandonedBytes = 0;
  let finished = 0;
  for (const group of waiting) {
    const first = group.next;
    for (; group.next < group.lines.length; group.next++) {
      const [line, bytes] = [group.lines[group.next], group.bytes[group.next]];
      if (line === undefined || bytes === undefined) break;
      if (group.delivery.isSettled) {
        abandonedBytes += bytes;
        continue;
      }
      const isFull = record.lines.length >= limits.linesMax || record.bytes + bytes > limits.bytesMax;
      if (isFull && record.lines.length > 0) break;
      record.lines.push(line);
      record.bytes += bytes;
    }
    const count = group.next - first;
    if (count > 0 && !group.delivery.isSettled) record.shares.push({ delivery: group.delivery, count });
    if (group.next < group.lines.length) break;
    finished++;
  }
  waiting.splice(0, finished);
  return { record: record.lines.length === 0 ? null : record, abandonedBytes };
}
