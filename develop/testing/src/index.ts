export { createEmptyDatabase, createTestDatabase, type TestDatabase } from "./test-database.ts";
export { provisionTestNats, startTestNats } from "./test-nats.ts";
export { runTestService, startTestService } from "./test-service.ts";
export { waitFor, type WaitOptions } from "./wait-for.ts";
export * from "./stage.ts";
export * from "./go-back.ts";
export { setClock, shiftClock } from "./shift-clock.ts";
export { installTurnAudit, judgeTurns, restartTurnAudit, type TurnJudgement } from "./turn-audit.ts";
