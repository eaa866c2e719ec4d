export * from "./run-stateful-service.ts";
export { createClockGuard, type ClockGuard } from "./clock-guard.ts";
export { createRelayMetrics } from "./relay-metrics.ts";
