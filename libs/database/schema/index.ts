export * from "./access-tokens.ts";
export * from "./conversations.ts";
export * from "./logs.ts";
export * from "./people.ts";
export * from "./sending.ts";
export * from "./signing-in.ts";
export * from "./tickets.ts";
