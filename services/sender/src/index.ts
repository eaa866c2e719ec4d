export { leaseSends } from "./sending/lease-sends.ts";
export { failLapsed } from "./sending/fail-lapsed.ts";
export { recordOutcomes, type SendVerdict } from "./sending/record-outcomes.ts";
