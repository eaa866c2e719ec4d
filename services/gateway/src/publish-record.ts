import {
  dividedHeaders,
  divideInboundLine,
  encodeInboundRecord,
  inboundPartsSubject,
  inboundSubject,
  partHeaders,
  type InboundLane,
  type InboundLine,
} from "@turno/contracts";
import { randomUUID } from "node:crypto";
import type { InboundLog } from "./inbound-log.ts";

type Log = Pick<InboundLog, "publish" | "recordBytesMax">;

/** Writes lines as one record. It divides a single line that is larger than the broker takes in one message. */
export async function publishRecord(
  log: Log,
  record: { lane: InboundLane; lines: readonly InboundLine[]; bytes: number; timeoutMs: number },
): Promise<void> {
  const { lane, lines, bytes, timeoutMs } = record;
  const [first] = lines;
  // The record has no line feed after its last line.
  if (first !== undefined && bytes - 1 > log.recordBytesMax) return publishDivided(log, lane, first, timeoutMs);
  const { payload, headers } = encodeInboundRecord(lines);
  await log.publish(inboundSubject(lane), payload, { headers, timeoutMs });
}

/**
 * Publishes a divided line. The last part is the record of the line, and says where the others are, so a reader need
 * not remember them.
 */
async function publishDivided(
  log: Log,
  lane: InboundLane,
  { json, partition }: InboundLine,
  timeoutMs: number,
): Promise<void> {
  const lineId = randomUUID();
  const pieces = divideInboundLine(json, log.recordBytesMax);
  const last = pieces.pop() ?? new Uint8Array();
  const sequences: number[] = [];
  for (const piece of pieces) {
    const options = { headers: partHeaders(lineId), timeoutMs };
    sequences.push((await log.publish(inboundPartsSubject(), piece, options)).sequence);
  }
  await log.publish(inboundSubject(lane), last, {
    headers: dividedHeaders({ lineId, partition, sequences }),
    timeoutMs,
  });
}
