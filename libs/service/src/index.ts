export * from "./run-stateful-service.ts";
