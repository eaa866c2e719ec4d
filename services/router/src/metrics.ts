import type { PartitionReader } from "@turno/messaging";
import type { Relay } from "@turno/relay";
import { addGauge, Counter, createMetrics, Histogram, type Registry } from "@turno/runtime";
import { createRelayMetrics } from "@turno/stateful-service";

/** Creates the router's metrics. */
export function createRouterMetrics() {
  const registry = createMetrics("router");
  const registers = [registry];
  return {
    registry,
    updates: new Counter({
      name: "turno_router_updates_total",
      help: "Updates read from the inbound log, by what became of them",
      labelNames: ["outcome"],
      registers,
    }),
    batchSeconds: new Histogram({
      name: "turno_router_batch_seconds",
      help: "How long a batch took to apply",
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
      registers,
    }),
    arrivalSeconds: new Histogram({
      name: "turno_router_arrival_seconds",
      help: "From the gateway's receipt of an update to its effect",
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30, 300, 3600],
      registers,
    }),
    effectSeconds: new Histogram({
      name: "turno_router_effect_seconds",
      help: "From Meta's timestamp of an update, which has no fraction of a second, to its effect",
      buckets: [1, 2, 5, 10, 30, 60, 300, 1800, 3600, 21600, 86400],
      registers,
    }),
    assigned: new Counter({ name: "turno_router_assigned_total", help: "Conversations given to agents", registers }),
    requeued: new Counter({
      name: "turno_router_requeued_total",
      help: "Conversations put back into the queue because their agent let a limit pass",
      registers,
    }),
    overflowed: new Counter({
      name: "turno_router_overflowed_total",
      help: "Conversations that went to another group because theirs does not work at this hour",
      registers,
    }),
    relay: createRelayMetrics(registry, "router"),
    published: new Counter({ name: "turno_router_events_published_total", help: "Events published", registers }),
    commands: new Counter({
      name: "turno_router_commands_total",
      help: "Commands answered",
      labelNames: ["verb", "outcome"],
      registers,
    }),
    failures: new Counter({
      name: "turno_router_failures_total",
      help: "Failures of the world that the router goes on after",
      labelNames: ["stage"],
      registers,
    }),
    defects: new Counter({
      name: "turno_router_defects_total",
      help: "Faults of the program, by where: each has its stack in the log",
      labelNames: ["stage"],
      registers,
    }),
  };
}

export type RouterMetrics = ReturnType<typeof createRouterMetrics>;

/**
 * Adds the gauges that are read with the metrics: how far the router is, what it holds, whether it publishes the
 * events.
 */
export function addRouterGauges(registry: Registry, inbound: PartitionReader, relay: Relay): void {
  const add = (name: string, help: string, read: () => number) => addGauge(registry, name, help, read);
  add("turno_router_lag_records", "Records of the log still to be read", () => inbound.status().lagRecords);
  add("turno_router_partitions", "Partitions that this router holds", () => inbound.status().partitions);
  add("turno_router_is_relay", "1 where this router publishes the events", () => +relay.isLeader);
}
