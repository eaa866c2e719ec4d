import type { ServiceContext } from "@turno/service";
import type { GraphClient } from "@turno/whatsapp";
import type { Config } from "./config.ts";
import type { SenderMetrics } from "./metrics.ts";

/** What the parts of the sender share. */
export interface SenderContext extends ServiceContext<Config, SenderMetrics> {
  client: GraphClient;
  /** Names the access token in circuits and logs, without being it. */
  tokenKey: string;
  random: () => number;
}
