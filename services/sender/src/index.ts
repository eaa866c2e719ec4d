export { leaseSends } from "./sending/lease-sends.ts";
export { failLapsed } from "./sending/fail-lapsed.ts";
export { recordOutcomes, type SendVerdict } from "./sending/record-outcomes.ts";
export { judge } from "./sending/judge.ts";
export { readStatusLine } from "./statuses/follow-statuses.ts";
