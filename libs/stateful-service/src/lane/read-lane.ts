import { createPositionStore, type LogReader } from "@turno/database";
import {
  createPartitionReader,
  type LineBatch,
  type PartitionReader,
  type PartitionReaderOptions,
} from "@turno/messaging";
import { isDefect, type Counter } from "@turno/runtime";
import { randomUUID } from "node:crypto";
import type { ServiceContext } from "../run-stateful-service.ts";
import type { LaneBatch, LaneItem, LaneUpdate, WithoutEffect } from "./apply-lines.ts";
import { deadLetterCause } from "./dead-letters.ts";

interface LaneContext extends Pick<
  ServiceContext<{ SHARD: string; LEASE_MS: number; BATCH_LINES_MAX: number }, unknown>,
  "config" | "sql" | "connection" | "createId" | "fail" | "tellDefect"
> {}

interface LaneOptions extends Pick<PartitionReaderOptions, "lane" | "onPartitionsChange"> {
  /** Under which name it keeps its positions. */
  consumer: string;
  /** Under which name its failures and defects are counted. */
  stage: string;
  /** One without it. */
  batchesAtOnce?: number;
  /** With each lease without it. */
  watermarkEveryMs?: number;
}

/** Reads this process' part of a lane of the inbound log as one of the consumer's readers. */
export function readLane(
  { config, sql, connection, fail, tellDefect }: LaneContext,
  options: LaneOptions & { apply: (reader: LogReader, batch: LineBatch) => Promise<void> },
): PartitionReader {
  const { consumer, stage, apply, batchesAtOnce = 1, ...rest } = options;
  const reader: LogReader = { consumer, shard: config.SHARD, owner: randomUUID() };
  return createPartitionReader({
    watermarkEveryMs: config.LEASE_MS / 5,
    ...rest,
    connection,
    shard: config.SHARD,
    store: createPositionStore(sql, reader, config.LEASE_MS),
    apply: (batch) => apply(reader, batch),
    onFailure: fail(stage),
    onDefect: tellDefect(stage),
    batchLinesMax: config.BATCH_LINES_MAX,
    batchesAtOnce,
    leaseEveryMs: config.LEASE_MS / 5,
  });
}

/**
 * Reads a lane whose lines must all take effect, be kept, or be set aside. `updates` counts what became of them; what had an
 * effect, `apply` counts itself.
 */
export function followLane<U extends LaneUpdate>(
  context: LaneContext,
  options: LaneOptions & {
    /** Reads a line. A defect that it throws sets the line aside. */
    read: (line: string) => LaneItem<U>;
    apply: (batch: LaneBatch<U>) => Promise<WithoutEffect>;
    updates: Counter<"outcome">;
  },
): PartitionReader {
  const { read, apply, updates, ...lane } = options;
  const onDefect = context.tellDefect(lane.stage);
  const setAsideLine = (line: string, defect: unknown) => {
    onDefect(defect);
    return { kind: "unreadable", key: null, field: "", line, cause: deadLetterCause(defect) } as const;
  };
  return readLane(context, {
    ...lane,
    apply: async (reader, { lines, moves }) => {
      const items = readLines<LaneItem<U>>(lines, read, setAsideLine);
      const { observed, setAside } = await apply({ reader, moves, items, createId: context.createId, onDefect });
      updates.inc({ outcome: "observed" }, observed);
      updates.inc({ outcome: "set-aside" }, setAside);
    },
  });
}

/** Reads the lines of a batch. One that provokes a defect becomes what `instead` makes of it. */
export function readLines<T>(
  lines: LineBatch["lines"],
  read: (json: string) => T,
  instead: (json: string, defect: unknown) => T,
): T[] {
  return lines.map(({ json }) => {
    try {
      return read(json);
    } catch (error) {
      if (!isDefect(error)) throw error;
      return instead(json, error);
    }
  });
}
