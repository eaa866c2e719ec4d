export * from "./subjects.ts";
export * from "./inbound.ts";
export * from "./events.ts";
export * from "./written-event.ts";
export * from "./commands.ts";
export * from "./outgoing-message.ts";
export * from "./access.ts";
export * from "./nats-permissions.ts";
