import type { TryWaits } from "@turno/conversation";
import type { ClockGuard, ServiceContext } from "@turno/stateful-service";
import type { GraphClient } from "@turno/whatsapp";
import type { CircuitChange } from "./circuits/circuits.ts";
import type { Config } from "./config.ts";
import type { SenderMetrics } from "./metrics.ts";
import type { WaitLimits } from "./sending/fail-lapsed.ts";
import type { TokenChoice } from "./tokens/own-token.ts";

/** What the parts of the sender share. */
export interface SenderContext extends ServiceContext<Config, SenderMetrics> {
  client: GraphClient;
  tokens: TokenChoice;
  /** A name in circuits and logs of the access token of what has none of its own, which does not reveal it. */
  tokenKey: string | null;
  tryWaits: TryWaits;
  limits: WaitLimits;
  clockGuard: ClockGuard;
  random: () => number;
  /** Logs once, on the sender that did it, that a circuit opened or closed. */
  tellCircuits: (changes: readonly CircuitChange[]) => void;
}
