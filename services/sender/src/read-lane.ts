import {
  inboundSubject,
  inboundUpdateSchema,
  PARTITION_COUNT,
  STREAMS,
  type InboundLane,
  type InboundUpdate,
} from "@turno/contracts";
import { createPositionStore, type LogReader } from "@turno/database";
import { createPartitionReader, type LineBatch, type PartitionReader } from "@turno/messaging";
import { parseExactJson } from "@turno/whatsapp";
import type { SenderContext } from "./context.ts";

/** Reads this sender's part of a lane of the inbound log as one of the consumer's readers. */
export function readLane(
  { config, sql, connection, fail, tellDefect }: SenderContext,
  lane: InboundLane,
  options: { consumer: string; owner: string; apply(reader: LogReader, batch: LineBatch): Promise<void> },
): PartitionReader {
  const reader: LogReader = { consumer: options.consumer, shard: config.SHARD, owner: options.owner };
  return createPartitionReader({
    connection,
    stream: STREAMS.inbound,
    subjects: [inboundSubject(lane, config.SHARD)],
    store: createPositionStore(sql, reader, { partitionCount: PARTITION_COUNT, leaseMs: config.LEASE_MS }),
    apply: (batch) => options.apply(reader, batch),
    onFailure: fail(lane),
    onDefect: tellDefect(lane),
    batchLinesMax: config.BATCH_LINES_MAX,
    batchesAtOnce: 1,
    leaseEveryMs: config.LEASE_MS / 5,
    watermarkEveryMs: config.LEASE_MS / 5,
  });
}

/** Reads a line of the log, or says why it cannot be read. */
export function parseLine(line: string): InboundUpdate | { cause: string } {
  let value: unknown;
  try {
    value = parseExactJson(line);
  } catch (error) {
    return { cause: `not-json: ${(error as Error).message}` };
  }
  const parsed = inboundUpdateSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return { cause: `not-a-line: ${issue?.path.join(".")}: ${issue?.message}` };
}
