import { INBOUND_LANES, type InboundLane } from "@turno/contracts";
import { BrokerFailure, type Publisher } from "@turno/messaging";
import type { SplitUpdate } from "@turno/whatsapp";
import type { Delivery, RecordLimits } from "./inbound-record.ts";
import { createLane, type Lane } from "./lane.ts";
import type { GatewayMetrics } from "./metrics.ts";

/** More is waiting to be stored than may wait. */
export class LanesFullFailure extends BrokerFailure {}

export interface LanesLimits {
  /** From the arrival of a delivery to the acknowledgement of its last record. Its answer is due within 3 s, on a busy machine too. */
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
  /** Resolves once every update is stored. Rejects with a `BrokerFailure`; some of them may then be stored all the same. */
  store(updates: readonly SplitUpdate[]): Promise<void>;
  readonly waitingBytes: number;
  readonly waitingDeliveries: number;
  close(): void;
}

const SWEEP_MS = 50;

/** The way of deliveries into the log: each update to its lane, each delivery settled when its last update is stored. */
export function createLanes(
  publisher: Pick<Publisher, "publish">,
  metrics: Pick<GatewayMetrics, "updates" | "record">,
  limits: LanesLimits = LANES_LIMITS,
): Lanes {
  const parts = { publisher, metrics, limits: limits.record, recordTimeoutMs: limits.deadlineMs };
  const lanes = new Map<InboundLane, Lane>(INBOUND_LANES.map((name) => [name, createLane(name, parts)]));
  // In order of arrival, hence of deadline.
  const deliveries = new Set<Delivery>();
  const waitingBytes = () => {
    let bytes = 0;
    for (const lane of lanes.values()) bytes += lane.waitingBytes;
    return bytes;
  };

  const sweep = setInterval(() => {
    const now = performance.now();
    for (const delivery of deliveries) {
      if (delivery.deadline > now) break;
      delivery.settle(new BrokerFailure("not stored within the deadline"));
    }
  }, SWEEP_MS);
  sweep.unref();

  return {
    store(updates) {
      if (updates.length === 0) return Promise.resolve();
      if (waitingBytes() >= limits.waitingBytesMax) {
        return Promise.reject(new LanesFullFailure("as much is already waiting to be stored as may wait"));
      }
      return new Promise((resolve, reject) => {
        const delivery: Delivery = {
          remaining: updates.length,
          deadline: performance.now() + limits.deadlineMs,
          isSettled: false,
          settle(failure) {
            if (delivery.isSettled) return;
            delivery.isSettled = true;
            deliveries.delete(delivery);
            if (failure === undefined) resolve();
            else reject(failure);
          },
        };
        deliveries.add(delivery);
        for (const { lane, json, partition } of updates) {
          lanes.get(lane)?.push({ json, partition, bytes: Buffer.byteLength(json) + 1, delivery });
        }
        // All of a delivery is there before a record is written, so that it goes in as few as may be.
        for (const lane of lanes.values()) lane.flush();
      });
    },
    get waitingBytes() {
      return waitingBytes();
    },
    get waitingDeliveries() {
      return deliveries.size;
    },
    close() {
      clearInterval(sweep);
      for (const delivery of deliveries) delivery.settle(new BrokerFailure("the gateway is stopping"));
    },
  };
}
