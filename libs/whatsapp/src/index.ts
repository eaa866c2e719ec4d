export { contactKeyOf } from "./contact-key.ts";
export { isRecord, parseExactJson, plainId, type JsonRecord } from "./exact-json.ts";
export * from "./interpret.ts";
export type { SplitUpdate } from "./line-writer.ts";
export * from "./phone.ts";
export * from "./read-line.ts";
export * from "./signature.ts";
export * from "./webhook.ts";
export * from "./graph/index.ts";
