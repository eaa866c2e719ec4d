import type { Counter, Logger, Registry } from "@turno/runtime";
import type { RelayMetrics } from "./relay-metrics.ts";

export interface StatefulConfig {
  NATS_URL: string;
  DATABASE_URL: string;
  DATABASE_CONNECTIONS_MAX: number;
  LOG_LEVEL: string;
  LISTEN_ADDRESS: string;
  PORT: number;
  OPERATIONS_PORT?: number | undefined;
}

/** The counters of every service with a database. Each names them itself: a name is found where it is used. */
export interface StatefulMetrics {
  registry: Registry;
  published: Counter;
  relay: RelayMetrics;
  commands: Counter<"verb" | "outcome">;
  failures: Counter<"stage">;
  defects: Counter<"stage">;
}

/** Returns what counts and logs a defect of a stage, with its stack, and lets the rest go on. */
export function createDefectTeller({ defects }: Pick<StatefulMetrics, "defects">, logger: Logger) {
  return (stage: string) =>
    (error: unknown, input: Record<string, string> = {}) => {
      defects.inc({ stage });
      logger.error({ err: error, stage, ...input }, "a defect: what provoked it is left out, and the rest goes on");
    };
}
