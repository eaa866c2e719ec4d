import type { Sql } from "@turno/database";
import type { Connection } from "@turno/messaging";
import type { Logger } from "@turno/runtime";
import type { GraphClient } from "@turno/whatsapp";
import type { Config } from "./config.ts";
import type { SenderMetrics } from "./metrics.ts";

/** What the parts of the sender share. */
export interface SenderContext {
  config: Config;
  sql: Sql;
  connection: Connection;
  client: GraphClient;
  metrics: SenderMetrics;
  logger: Logger;
  /** Names the access token in circuits and logs, without being it. */
  tokenKey: string;
  createId: () => string;
  random: () => number;
  /** Counts and logs a failure after which the part goes on. */
  fail: (stage: string) => (error: unknown) => void;
}
