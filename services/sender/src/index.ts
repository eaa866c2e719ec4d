export { claimSends } from "./sending/claim-sends.ts";
export { failLapsed } from "./sending/fail-lapsed.ts";
export { recordOutcomes, type SendVerdict } from "./sending/record-outcomes.ts";
