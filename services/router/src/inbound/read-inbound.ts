import { inboundSubject, PARTITION_COUNT, STREAMS } from "@turno/contracts";
import { createPositionStore, deadLetterCause, type EventMemory, type LogReader, type Sql } from "@turno/database";
import {
  createPartitionReader,
  readLines,
  type Connection,
  type LineBatch,
  type PartitionReader,
} from "@turno/messaging";
import type { Config } from "../config.ts";
import type { RouterMetrics } from "../metrics.ts";
import { createTurnstile, type Turnstile } from "../turnstile.ts";
import { applyInbound, type InboundItem } from "./apply-inbound.ts";
import { readLine, unreadableLine } from "./read-line.ts";

const CONSUMER = "router";
/** Expiry waits for the watermark, so this bounds how late it may be. */
const WATERMARK_EVERY_MS = 250;

export interface InboundOptions {
  config: Config;
  sql: Sql;
  connection: Connection;
  metrics: RouterMetrics;
  owner: string;
  createId: () => string;
  memory: EventMemory;
  onQueued(groupIds: readonly string[]): void;
  onPartitionsChange(partitions: readonly number[]): void;
  onFailure(error: unknown): void;
  /** Hears of a defect for which a line is set aside. */
  onDefect(error: unknown): void;
}

/** Reads this router's part of the inbound log, and makes each batch of it take effect. */
export function readInbound(options: InboundOptions): PartitionReader {
  const { config, sql, connection } = options;
  const openings = createTurnstile();
  const reader: LogReader = { consumer: CONSUMER, shard: config.SHARD, owner: options.owner };
  return createPartitionReader({
    connection,
    stream: STREAMS.inbound,
    subjects: [inboundSubject("message", config.SHARD)],
    store: createPositionStore(sql, reader, { partitionCount: PARTITION_COUNT, leaseMs: config.LEASE_MS }),
    apply: (batch) => apply(options, { reader, openings, batch }),
    onPartitionsChange: (partitions) => options.onPartitionsChange(partitions),
    onFailure: (error) => options.onFailure(error),
    onDefect: (error) => options.onDefect(error),
    batchLinesMax: config.BATCH_LINES_MAX,
    batchesAtOnce: config.TRANSACTIONS_MAX,
    leaseEveryMs: config.LEASE_MS / 5,
    watermarkEveryMs: WATERMARK_EVERY_MS,
  });
}

async function apply(
  options: InboundOptions,
  { reader, openings, batch }: { reader: LogReader; openings: Turnstile; batch: LineBatch },
): Promise<void> {
  const { sql, metrics, createId, memory } = options;
  const onDefect = (error: unknown) => options.onDefect(error);
  const items = readLines(batch.lines, readLine, (json, defect) => {
    onDefect(defect);
    return unreadableLine(json, deadLetterCause(defect));
  });
  const stopTimer = metrics.batchSeconds.startTimer();
  const outcome = await applyInbound(sql, { reader, moves: batch.moves, items, createId, memory, openings, onDefect });
  stopTimer();
  metrics.updates.inc({ outcome: "applied" }, outcome.applied);
  metrics.updates.inc({ outcome: "repeated" }, outcome.repeated);
  metrics.updates.inc({ outcome: "observed" }, outcome.observed);
  metrics.updates.inc({ outcome: "set-aside" }, outcome.setAside);
  metrics.assigned.inc(outcome.assigned);
  observeArrival(metrics, items);
  options.onQueued(outcome.queuedGroupIds);
}

/** One look a batch, at its oldest update, so that the figure errs on the slow side. */
function observeArrival(metrics: RouterMetrics, items: readonly InboundItem[]): void {
  const oldest = Math.min(
    ...items.filter(({ kind }) => kind === "update").map(({ receivedAt }) => receivedAt.getTime()),
  );
  if (Number.isFinite(oldest)) metrics.arrivalSeconds.observe(Math.max(0, Date.now() - oldest) / 1000);
}
