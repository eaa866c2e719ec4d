export { cacheFolder } from "./cache.ts";
export { messageOf, PortTakenFailure, ServerFailure, type Progress } from "./failure.ts";
export { endProcess, startGuardedProcess, type GuardedProcess, type ProcessExit } from "./guarded-process.ts";
export { findNatsServer, type NatsBinary } from "./nats-binary.ts";
export { startNatsServer, type NatsServerOptions, type RunningNatsServer } from "./nats-server.ts";
export { assertPortIsFree, pickFreePort } from "./ports.ts";
export { startPostgres, type PostgresOptions } from "./postgres-server.ts";
export { startService, type RunningService, type StartServiceOptions } from "./service-process.ts";
export type { RunningServer } from "./supervised-server.ts";
