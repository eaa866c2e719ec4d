import type { TryWaits } from "@turno/conversation";
import type { ClockGuard, ServiceContext } from "@turno/stateful-service";
import type { GraphClient } from "@turno/whatsapp";
import type { CircuitChange } from "./circuits/circuits.ts";
import type { Config } from "./config.ts";
import type { SenderMetrics } from "./metrics.ts";
import type { WaitLimits } from "./sending/fail-lapsed.ts";

/** What the parts of the sender share. */
export interface SenderContext extends ServiceContext<Config, SenderMetrics> {
  client: GraphClient;
  /** A name of the access token in circuits and logs that does not reveal it. */
  tokenKey: string;
  tryWaits: TryWaits;
  limits: WaitLimits;
  clockGuard: ClockGuard;
  random: () => number;
  /** Logs once, on the sender that did it, that a circuit opened or closed. */
  tellCircuits: (changes: readonly CircuitChange[]) => void;
}
