import type { InboundLane } from "@turno/contracts";
import type { BrokerFailure } from "@turno/messaging";
import { isDefect } from "@turno/runtime";
import { setImmediate as nextPass } from "node:timers/promises";
import type { InboundLog } from "./inbound-log.ts";
import { takeRecord, type InboundRecord, type RecordLimits, type WaitingLine } from "./inbound-record.ts";
import type { GatewayMetrics } from "./metrics.ts";
import { publishRecord } from "./publish-record.ts";

export interface Lane {
  push(line: WaitingLine): void;
  /** Writes what was pushed, unless a record is on its way: then the lines go with the next one. */
  flush(): void;
  /** Fails the deliveries that were due before this instant. */
  giveUp(before: number, failure: BrokerFailure): void;
  /** The bytes of lines that are neither stored nor given up, including those on their way. */
  readonly waitingBytes: number;
}

export interface LaneParts {
  publisher: Pick<InboundLog, "publish" | "recordBytesMax">;
  metrics: Pick<GatewayMetrics, "updates" | "record">;
  limits: RecordLimits;
  recordTimeoutMs: number;
}

/**
 * Creates a lane, which commits in groups. One record is on its way at a time; lines that arrive meanwhile go together
 * in the next one. If no record is on its way, lines leave at once. One fsync then stores many updates.
 */
export function createLane(name: InboundLane, parts: LaneParts): Lane {
  const { publisher, metrics, limits, recordTimeoutMs: timeoutMs } = parts;
  const waiting: WaitingLine[] = [];
  let waitingBytes = 0;
  let isWriting = false;
  let underWay: readonly WaitingLine[] = [];

  const publish = async (record: InboundRecord): Promise<Error | undefined> => {
    try {
      await publishRecord(publisher, { lane: name, lines: record.lines, bytes: record.bytes, timeoutMs });
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error("a publish failed", { cause: error });
    }
  };

  /** Where a defect meets a record, each line is one of its own: only the delivery of what provokes it fails. */
  const publishOrApart = async (record: InboundRecord): Promise<(Error | undefined)[]> => {
    const { lines } = record;
    const failure = await publish(record);
    if (failure === undefined || !isDefect(failure) || lines.length === 1) return lines.map(() => failure);
    const failures: (Error | undefined)[] = [];
    for (const line of lines) failures.push(await publish({ lines: [line], bytes: line.bytes }));
    return failures;
  };

  const write = async () => {
    isWriting = true;
    for (;;) {
      // What arrives in the same pass of the event loop goes together.
      await nextPass();
      const { record, abandonedBytes } = takeRecord(waiting, {
        ...limits,
        bytesMax: Math.min(limits.bytesMax, publisher.recordBytesMax),
      });
      waitingBytes -= abandonedBytes;
      if (record === null) break;
      underWay = record.lines;
      const startedAt = performance.now();
      const failures = await publishOrApart(record);
      underWay = [];
      waitingBytes -= record.bytes;
      const seconds = (performance.now() - startedAt) / 1000;
      const stored = failures.filter((failure) => failure === undefined).length;
      const lines = record.lines.length;
      metrics.record(name, { lines, bytes: record.bytes, seconds, isStored: stored === lines });
      if (stored > 0) metrics.updates(name, stored);
      settle(record.lines, failures);
    }
    isWriting = false;
  };

  return {
    push(line) {
      waitingBytes += line.bytes;
      waiting.push(line);
    },
    flush() {
      if (!isWriting && waiting.length > 0) void write();
    },
    giveUp(before, failure) {
      // In order of arrival, hence of deadline. A set of deliveries is no place to look: as it changes with each of them,
      // V8 leaves a chain of its old tables behind, which keeps what was in them until the next full collection.
      for (const lines of [underWay, waiting]) {
        for (const { delivery } of lines) {
          if (delivery.deadline > before) return;
          delivery.settle(failure);
        }
      }
    },
    get waitingBytes() {
      return waitingBytes;
    },
  };
}

/** Settles the deliveries of which a line failed, and those of which every line is stored. */
function settle(lines: readonly WaitingLine[], failures: readonly (Error | undefined)[]): void {
  for (const [index, { delivery }] of lines.entries()) {
    const failure = failures[index];
    delivery.remaining -= 1;
    if (failure !== undefined) delivery.settle(failure);
    else if (delivery.remaining === 0) delivery.settle();
  }
}
