export * from "./advisory-locks.ts";
export * from "./asker.ts";
export * from "./connection.ts";
export {
  and,
  count,
  desc,
  eq,
  getTableColumns,
  getTableName,
  gt,
  gte,
  inArray,
  isNotNull,
  lt,
  lte,
  not,
  or,
  sql as expression,
} from "../schema/drizzle.ts";
export * from "./events/event-memory.ts";
export * from "./events/read-log.ts";
export * from "./events/write-events.ts";
export * from "./failure.ts";
export * from "./line/refuse-pooler.ts";
export * from "./line/watch-database.ts";
export * from "./lock-conversations.ts";
export * from "./log/clock.ts";
export * from "./log/lease-partitions.ts";
export * from "./log/move-positions.ts";
export * from "./log/position-store.ts";
export * from "./log/timeline.ts";
export * from "./migrate.ts";
export * from "./release.ts";
export * from "./rows.ts";
export * from "../schema/typed.ts";
export * from "./wake-ups.ts";
export * from "./write-assignments.ts";
