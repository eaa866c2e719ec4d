export * from "./backoff.ts";
export * from "./config.ts";
export * from "./http.ts";
export * from "./ids.ts";
export * from "./logger.ts";
export * from "./loop.ts";
export * from "./metrics.ts";
export * from "./service.ts";
