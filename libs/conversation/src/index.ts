export * from "./distribute.ts";
export * from "./eligibility.ts";
export * from "./permission.ts";
export * from "./receive.ts";
export * from "./refusal.ts";
export * from "./session.ts";
