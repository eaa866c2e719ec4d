export * from "./run-stateful-service.ts";
export { createRelayMetrics } from "./relay-metrics.ts";
