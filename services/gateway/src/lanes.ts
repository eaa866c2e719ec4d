import { INBOUND_LANES, type InboundLane } from "@turno/contracts";
import { BrokerFailure } from "@turno/messaging";
import type { SplitUpdate } from "@turno/whatsapp";
import type { InboundLog } from "./inbound-log.ts";
import type { Delivery, RecordLimits } from "./inbound-record.ts";
import { createLane, type Lane } from "./lane.ts";
import type { GatewayMetrics } from "./metrics.ts";

/** More waits to be stored than may wait. */
export class LanesFullFailure extends BrokerFailure {}

export interface LanesLimits {
  /**
   * The time from the arrival of a delivery to the acknowledgement of its last record. Its answer is due within 3 s, on
   * a busy machine too.
   */
  deadlineMs: number;
  waitingBytesMax: number;
  record: RecordLimits;
}

const LANES_LIMITS: LanesLimits = {
  deadlineMs: 2_000,
  waitingBytesMax: 64 * 1024 * 1024,
  record: { linesMax: 512, bytesMax: 1_000_000 },
};

export interface Lanes {
  /**
   * Stores updates. Calls `done` when every update is stored, or with the failure; some of them may then still be
   * stored.
   */
  store(updates: readonly SplitUpdate[], done: (failure?: Error) => void): void;
  readonly waitingBytes: number;
  readonly waitingDeliveries: number;
  close(): void;
}

const SWEEP_MS = 50;

/** Creates the lanes: each update goes to its lane, and each delivery is settled when its last update is stored. */
export function createLanes(
  publisher: Pick<InboundLog, "publish" | "recordBytesMax">,
  metrics: Pick<GatewayMetrics, "updates" | "record">,
  limits: LanesLimits = LANES_LIMITS,
): Lanes {
  const parts = { publisher, metrics, limits: limits.record, recordTimeoutMs: limits.deadlineMs };
  const lanes = new Map<InboundLane, Lane>(INBOUND_LANES.map((name) => [name, createLane(name, parts)]));
  let waitingDeliveries = 0;
  const waitingBytes = () => {
    let bytes = 0;
    for (const lane of lanes.values()) bytes += lane.waitingBytes;
    return bytes;
  };

  const giveUp = (before: number, failure: BrokerFailure) => {
    for (const lane of lanes.values()) lane.giveUp(before, failure);
  };
  const sweep = setInterval(() => {
    giveUp(performance.now(), new BrokerFailure("not stored within the deadline"));
  }, SWEEP_MS);
  sweep.unref();

  return {
    store(updates, done) {
      if (updates.length === 0) return done();
      if (waitingBytes() >= limits.waitingBytesMax) {
        return done(new LanesFullFailure("as much is already waiting to be stored as may wait"));
      }
      const delivery: Delivery = {
        remaining: updates.length,
        deadline: performance.now() + limits.deadlineMs,
        isSettled: false,
        settle(failure) {
          if (delivery.isSettled) return;
          delivery.isSettled = true;
          waitingDeliveries -= 1;
          done(failure);
        },
      };
      waitingDeliveries += 1;
      for (const { lane, json, partition } of updates) {
        lanes.get(lane)?.push({ json, partition, bytes: Buffer.byteLength(json) + 1, delivery });
      }
      // All of a delivery is there before a record is written, so that it goes in as few as may be.
      for (const lane of lanes.values()) lane.flush();
    },
    get waitingBytes() {
      return waitingBytes();
    },
    get waitingDeliveries() {
      return waitingDeliveries;
    },
    close() {
      clearInterval(sweep);
      giveUp(Infinity, new BrokerFailure("the gateway is stopping"));
    },
  };
}
