export * from "./run-stateful-service.ts";
export { createClockGuard, type ClockGuard } from "./clock-guard.ts";
export { addLagFigures, onFigureFailure } from "./lag-figures.ts";
export { createRelayMetrics } from "./relay-metrics.ts";
export { applyLines, type LaneBatch, type LaneTransaction, type WithoutEffect } from "./lane/apply-lines.ts";
export { createDeadLetterCommands, refuseUnknownLetter } from "./lane/dead-letters.ts";
export { followLane, readLane, readLines } from "./lane/read-lane.ts";
export { retryDeadLetter } from "./lane/retry-dead-letter.ts";
