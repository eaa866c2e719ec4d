import type { Inbound } from "@turno/conversation";
import type { EventMemory, Sql } from "@turno/database";
import type { PartitionReader } from "@turno/messaging";
import { followLane, type LaneBatch, type ServiceContext } from "@turno/stateful-service";
import { interpretLine } from "@turno/whatsapp";
import type { Config } from "../config.ts";
import type { RouterMetrics } from "../metrics.ts";
import { createTurnstile, type Turnstile } from "../turnstile.ts";
import { applyInbound } from "./apply-inbound.ts";

/** Expiry waits for the watermark, so this bounds how late it may be. */
const WATERMARK_EVERY_MS = 250;

/** Reads this router's part of the message lane, and makes each batch of it take effect. */
export function readInbound(
  context: ServiceContext<Config, RouterMetrics>,
  on: {
    queued: (groupIds: readonly string[]) => void;
    partitionsChange: (partitions: readonly number[]) => void;
  },
): PartitionReader {
  const { config, sql, metrics, relay } = context;
  const openings = createTurnstile();
  return followLane<Inbound>(context, {
    lane: "message",
    consumer: "router",
    stage: "inbound",
    batchesAtOnce: config.TRANSACTIONS_MAX,
    watermarkEveryMs: WATERMARK_EVERY_MS,
    onPartitionsChange: on.partitionsChange,
    updates: metrics.updates,
    read: interpretLine,
    apply: async (batch) => {
      const outcome = await apply(sql, metrics, { ...batch, memory: relay.memory, openings });
      on.queued(outcome.queuedGroupIds);
      return outcome;
    },
  });
}

async function apply(
  sql: Sql,
  metrics: RouterMetrics,
  batch: LaneBatch<Inbound> & { memory: EventMemory; openings: Turnstile },
) {
  const stopTimer = metrics.batchSeconds.startTimer();
  const outcome = await applyInbound(sql, batch);
  stopTimer();
  metrics.updates.inc({ outcome: "applied" }, outcome.applied);
  metrics.updates.inc({ outcome: "repeated" }, outcome.repeated);
  metrics.assigned.inc(outcome.assigned);
  observeArrival(metrics, batch.items);
  return outcome;
}

/** One look a batch, at its oldest update, so that the figures err on the slow side. */
function observeArrival(metrics: RouterMetrics, items: LaneBatch<Inbound>["items"]): void {
  let [received, sent] = [Infinity, Infinity];
  for (const item of items) {
    if (!("sentAt" in item)) continue;
    received = Math.min(received, item.receivedAt.getTime());
    sent = Math.min(sent, item.sentAt.getTime());
  }
  if (!Number.isFinite(received)) return;
  metrics.arrivalSeconds.observe(Math.max(0, Date.now() - received) / 1000);
  metrics.effectSeconds.observe(Math.max(0, Date.now() - sent) / 1000);
}
