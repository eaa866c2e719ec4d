export * from "./error-class.ts";
export * from "./graph-client.ts";
export { failureCause } from "./network-failure.ts";
export { readErrorObject, readSendAnswer, type GraphOutcome } from "./read-answer.ts";
export * from "./read-status.ts";
export * from "./read-template-change.ts";
export * from "./recipient.ts";
export { normaliseLanguage, toTemplateRecord, type TemplateRecord } from "./template-record.ts";
