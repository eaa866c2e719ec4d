import { soundCheck, wrongCheck, type Check } from "@turno/contracts";
import { examineDatabase, type DatabaseService } from "@turno/database";
import { answerExamination, type CommandResponder, type Connection, type Examined } from "@turno/messaging";
import type { Logger, Readiness } from "@turno/runtime";
import { createDefectTeller, type StatefulMetrics } from "./stateful-parts.ts";

interface ExaminationParts {
  databaseUrl: string;
  readiness: () => Readiness;
  /** Looks at what this service alone knows; undefined where it has not begun, or knows nothing more. */
  examineOwn: () => Promise<Examined | undefined>;
  metrics: StatefulMetrics;
  logger: Logger;
}

/** Answers the operators' doctor from when the broker is there: a service that waits for its database says so. */
export function createServiceExamination(name: DatabaseService, parts: ExaminationParts) {
  const { metrics, logger } = parts;
  let responder: CommandResponder | null = null;
  return {
    onBroker: (connection: Connection) => {
      responder = answerExamination(connection, {
        service: name,
        examine: () => examineService(parts),
        onFailure: (error) => {
          metrics.failures.inc({ stage: "examination" });
          logger.warn({ err: error, stage: "examination" }, "a failure, going on");
        },
        onDefect: createDefectTeller(metrics, logger)("examination"),
      });
    },
    stop: async () => responder?.stop(),
  };
}

async function examineService({ databaseUrl, readiness, examineOwn }: ExaminationParts): Promise<Examined> {
  // Before the look: one that begins meanwhile has not looked at what it alone knows.
  const state = readiness();
  const [ground, found] = await Promise.all([examineDatabase(databaseUrl), examineOwn()]);
  const checks = [...judgeReadiness(state), ...ground, ...(found?.checks ?? [])];
  return { checks, addresses: found?.addresses ?? [] };
}

/** Judges what a service says of itself: a sentence for each thing that stands still or is left out. */
export function judgeReadiness({ isStarting = false, isReady, reasons }: Readiness): Check[] {
  if (isReady && reasons.length === 0) return [soundCheck("ready", "it does all its work")];
  const looked = isStarting ? "its start" : isReady ? "it works, and leaves something out" : "whether it works";
  const told = reasons.length > 0 ? reasons : ["it has not begun its work yet"];
  return told.map((wrong) =>
    wrongCheck("ready", looked, { wrong, advice: 'See "A service is not ready" in docs/runbook.md.' }),
  );
}
