export * from "./connection.ts";
export * from "./publisher.ts";
export * from "./streams.ts";
