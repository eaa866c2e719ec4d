export { parseBrokerAddress } from "./broker-address.ts";
export { AccessFailure, BrokerFailure, connectToNats, type Connection } from "./connection.ts";
export * from "./publisher.ts";
export * from "./streams.ts";
export * from "./commands.ts";
export * from "./log-records.ts";
export * from "./partition-reader.ts";
export * from "./follower.ts";
export * from "./position-store.ts";
