import { soundCheck, wrongCheck, type Check, type Examination, type ExaminationVerb } from "@turno/contracts";
import { NODE_VERSION, RELEASE } from "@turno/runtime";
import { answerCommands, type CommandResponder } from "./commands.ts";
import type { Connection } from "./connection.ts";

/** What a service looks at when the operators' doctor asks it. */
export interface Examined {
  checks: readonly Check[];
  addresses?: Examination["addresses"];
}

/**
 * Answers the operators' doctor for a service. Who asks while a look is under way gets that look, so that asking often costs
 * no more than asking once.
 */
export function answerExamination(
  connection: Connection,
  options: {
    service: "gateway" | "router" | "session-tracker" | "sender" | "inbox" | "provisioner";
    examine: () => Promise<Examined>;
    onFailure: (error: unknown) => void;
    onDefect: (error: unknown) => void;
  },
): CommandResponder {
  const { service, examine, onFailure, onDefect } = options;
  const verb: ExaminationVerb = `examine-${service}`;
  let looking: Promise<Examined> | null = null;
  const look = async (): Promise<Examination> => {
    looking ??= examine().finally(() => (looking = null));
    const { checks, addresses = [] } = await looking;
    return { release: RELEASE, node: NODE_VERSION, at: new Date().toISOString(), checks: [...checks], addresses };
  };
  return answerCommands(connection, {
    service,
    handlers: { [verb]: look },
    once: (_command, run) => run(),
    onFailure: (_verb, error) => onFailure(error),
    onDefect: (_verb, error) => onDefect(error),
  });
}

/** Judges where metrics and health are, of a service that everybody reaches. */
export function judgeOperationsPort(
  service: string,
  { isProduction, hasOperationsPort }: { isProduction: boolean; hasOperationsPort: boolean },
): Check {
  if (hasOperationsPort)
    return soundCheck("operations-port", `metrics and health of the ${service} have a port of their own`);
  const looked = `the port of the ${service}'s metrics and health`;
  if (!isProduction) return soundCheck("operations-port", `${looked}: that of its API, outside production`);
  return wrongCheck("operations-port", looked, {
    wrong: "They are on the port that everybody reaches.",
    advice: `Set OPERATIONS_PORT of the ${service}, and let only your own monitoring reach it.`,
  });
}
