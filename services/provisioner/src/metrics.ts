import { addGauge, Counter, createMetrics, Gauge } from "@turno/runtime";

/** Creates the provisioner's metrics. `part` is a stream or a follower. */
export function createProvisionerMetrics(gauges: { obstacles(): number; isConnected(): boolean }) {
  const registry = createMetrics("provisioner");
  const registers = [registry];
  addGauge(registry, "turno_provisioner_obstacles", "Parts that are not as they must be now", () => gauges.obstacles());
  addGauge(registry, "turno_provisioner_broker_up", "1 while the broker is there", () => +gauges.isConnected());
  return {
    registry,
    looks: new Counter({ name: "turno_provisioner_looks_total", help: "Times it looked at all parts", registers }),
    bytes: new Gauge({
      name: "turno_provisioner_bytes",
      help: "What a stream holds, or the account with all streams",
      labelNames: ["of"],
      registers,
    }),
    bytesMax: new Gauge({
      name: "turno_provisioner_bytes_max",
      help: "What it may hold; absent where there is no limit",
      labelNames: ["of"],
      registers,
    }),
    created: new Counter({
      name: "turno_provisioner_created_total",
      help: "Parts created: at the first start, and each time that one was lost",
      labelNames: ["part"],
      registers,
    }),
    failures: new Counter({
      name: "turno_provisioner_failures_total",
      help: "Tries after which a part was not as it must be",
      labelNames: ["part"],
      registers,
    }),
    defects: new Counter({
      name: "turno_provisioner_defects_total",
      help: "Faults of the program, by where: each has its stack in the log",
      labelNames: ["stage"],
      registers,
    }),
  };
}

export type ProvisionerMetrics = ReturnType<typeof createProvisionerMetrics>;
