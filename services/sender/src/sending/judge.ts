import type { SendFailure, StopCause } from "@turno/conversation";
import type { GraphErrorClass, GraphOutcome } from "@turno/whatsapp";
import { explainError, explainStop } from "./explain.ts";
import type { SendVerdict } from "./record-outcomes.ts";

/** Meta: the customer's session is over, whatever our clock says. */
const SESSION_OVER = 131047;
const PAIR_RATE_LIMIT = 131056;
/** The customer has stopped marketing messages. */
const MARKETING_STOPPED = 131050;
/** The template was created minutes ago and is not everywhere yet. */
const TEMPLATE_SYNCING = 134101;
const TEMPLATE_SYNCING_TRIES_MAX = 3;

/** The waits before the same message is tried again, in units: the first, multiplied each time, up to `max`. */
interface Backoff {
  first: number;
  max: number;
  factor: number;
  pause: "number" | "pair" | null;
}

/** Source of the pair's 4^X seconds and of the ten minutes: Meta, Cloud API, "Error codes". The others are ours. */
const BACKOFFS = new Map<number, Backoff>([
  [PAIR_RATE_LIMIT, { first: 1, factor: 4, max: 300, pause: "pair" }],
  [4, { first: 30, factor: 2, max: 300, pause: "number" }],
  [80007, { first: 30, factor: 2, max: 300, pause: "number" }],
  [131057, { first: 60, factor: 2, max: 600, pause: "number" }],
  [2494100, { first: 60, factor: 2, max: 600, pause: "number" }],
  [TEMPLATE_SYNCING, { first: 600, factor: 1, max: 600, pause: null }],
]);
const BACKOFF: Backoff = { first: 1, factor: 2, max: 60, pause: "number" };

const STOP_SCOPES: Partial<Record<GraphErrorClass, StopCause["scope"]>> = {
  F: "number",
  G: "account",
  G2: "templates",
  H: "token",
  H2: "number",
};

/** The template's status after Meta refused to send it. The next reading of the list tells the truth. */
const TEMPLATE_STATUSES = new Map([
  [132001, "DELETED"],
  [132015, "PAUSED"],
  [132016, "DISABLED"],
]);

/** What an answer of 200 calls a message that does not go out, or not yet. Source: Meta, Cloud API, "Template pacing". */
const PAUSED = "paused";
const HELD = "held_for_quality_assessment";
const PAUSED_TEMPLATE: GraphRefusal = {
  code: 132015,
  class: "E",
  details: "Meta took the message and does not deliver it.",
};

/**
 * Returns what a failure that Meta reports, in an answer or by a later status, means for the message, and what else
 * follows from it.
 */
export function failureOf(
  { code, class: errorClass, details }: GraphRefusal,
  origin: "answer" | "status",
): SendFailure {
  const scope = STOP_SCOPES[errorClass];
  // That one message was not paid for later on is no proof about others.
  const isProof = scope !== undefined && !(errorClass === "G2" && origin === "status");
  return {
    code,
    class: errorClass,
    message: explainError(code, errorClass, details),
    closesSession: code === SESSION_OVER,
    stopsMarketing: code === MARKETING_STOPPED,
    templateStatus: TEMPLATE_STATUSES.get(code) ?? null,
    stop: isProof ? { scope, code, reason: explainStop(code, errorClass, details) } : null,
  };
}

interface GraphRefusal {
  code: number;
  class: GraphErrorClass;
  details: string;
}

/** Decides what becomes of a message after a call. `attempt` counts the calls from 1; `random` is from 0 to 1. */
export function judge(
  outcome: GraphOutcome,
  given: { kind: string; attempt: number; retryUnitMs: number; random: () => number },
): SendVerdict {
  if (outcome.kind === "accepted") {
    if (outcome.messageStatus === PAUSED) return { kind: "failed", failure: failureOf(PAUSED_TEMPLATE, "answer") };
    const { wamid, messageStatus } = outcome;
    return { kind: "accepted", wamid, ...(messageStatus === HELD ? { isHeld: true } : {}) };
  }
  if (outcome.kind === "unknown") return { kind: "unknown", cause: outcome.cause };
  const { code, details, class: errorClass } = outcome;
  const isSyncing = code === TEMPLATE_SYNCING && given.attempt <= TEMPLATE_SYNCING_TRIES_MAX;
  if (code === null || errorClass === "A" || isSyncing) {
    const backoff = (code === null ? undefined : BACKOFFS.get(code)) ?? BACKOFF;
    const delayMs = Math.max(waitOf(backoff, given), outcome.retryAfterMs ?? 0);
    const message = explainError(code, errorClass, details);
    return { kind: "retry", error: { code, class: errorClass, message }, delayMs, pause: backoff.pause };
  }
  const failure = failureOf({ code, class: errorClass, details }, "answer");
  const { stop } = failure;
  // What the stop does not hold cannot wait for its end.
  if (stop === null || (stop.scope === "templates" && given.kind !== "template")) return { kind: "failed", failure };
  return { kind: "stopped", stop };
}

/** Varied by a tenth, so that messages held back together do not come back together. */
function waitOf(
  { first, factor, max }: Backoff,
  { attempt, retryUnitMs, random }: { attempt: number; retryUnitMs: number; random: () => number },
): number {
  const units = Math.min(max, first * factor ** Math.min(attempt - 1, 16));
  return Math.round(units * retryUnitMs * (1 + random() / 10));
}
