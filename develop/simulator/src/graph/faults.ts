import { type Customer } from "../customers.ts";
import { type Random } from "../random.ts";
import { errorFacts } from "./graph-error.ts";
import { type MessageSend } from "./send-request.ts";

/**
 * What goes wrong with a send.
 *
 * `error`: refused at once with the code. `failed`: accepted, and a `failed` status with the code comes later, after
 * `lateMs` with the instant at which it failed, as one that Meta had to resend; the message reaches nobody. `server-error` (an HTML page with 502), `reset` (the connection breaks), `no-answer` (the request hangs):
 * the caller cannot know whether the message was taken; `accepts` says whether it was. `slow`: answered after `delayMs`.
 * `no-statuses`: accepted and reached, but no status ever comes. `paced`: taken with this word for what becomes of it, such as
 * `held_for_quality_assessment` or `paused`; no status comes by itself.
 */
export type GraphFault =
  | { kind: "error"; code: number; details?: string }
  | { kind: "failed"; code: number; lateMs?: number }
  | { kind: "server-error" | "reset" | "no-answer"; accepts: boolean }
  | { kind: "slow"; delayMs: number }
  | { kind: "no-statuses" }
  | { kind: "paced"; messageStatus: string };

/** On which number and account a message is sent, and to whom, as far as Meta knows them. */
export interface FaultPlace {
  phoneNumberId: string;
  accountId: string;
  customer: Customer | null;
}

/**
 * A scripted fault. It meets the sends for which `when` holds (all, without), `times` of them (for ever, without). With
 * `alsoReads` an `error` meets every read receipt too, as where a token is dead.
 */
export interface FaultRule {
  fault: GraphFault;
  when?: (send: MessageSend, place: FaultPlace) => boolean;
  times?: number;
  alsoReads?: boolean;
}

/** A fault that meets a share of the sends, from 0 to 1. */
export interface FaultShare {
  fault: GraphFault;
  share: number;
}

export interface Faults {
  /** Adds a rule behind the earlier ones; the function given back takes it out again. Throws a `RangeError` for an unknown code. */
  add(rule: FaultRule): () => void;
  /** The fault that meets this send: of the first rule that holds, else by chance. */
  next(send: MessageSend, place: FaultPlace): GraphFault | null;
  /** The code with which read receipts are refused, or null. */
  nextOfRead(): number | null;
}

export function createFaults(shares: readonly FaultShare[], random: Random): Faults {
  const rules: { rule: FaultRule; left: number }[] = [];
  for (const { fault } of shares) assertKnown(fault);
  return {
    add(rule) {
      assertKnown(rule.fault);
      const entry = { rule, left: rule.times ?? Infinity };
      rules.push(entry);
      return () => {
        entry.left = 0;
      };
    },
    nextOfRead() {
      const found = rules.find(({ rule, left }) => left > 0 && rule.alsoReads === true && rule.fault.kind === "error");
      return found?.rule.fault.kind === "error" ? found.rule.fault.code : null;
    },
    next(send, place) {
      let luck = random();
      const scripted = rules.find(({ rule, left }) => left > 0 && (rule.when?.(send, place) ?? true));
      if (scripted !== undefined) {
        scripted.left -= 1;
        return scripted.rule.fault;
      }
      for (const { fault, share } of shares) {
        luck -= share;
        if (luck < 0) return fault;
      }
      return null;
    },
  };
}

function assertKnown(fault: GraphFault): void {
  if (fault.kind === "error" || fault.kind === "failed") errorFacts(fault.code);
}
