import {
  numberRateKey,
  openCircuit,
  openSettlement,
  ownRatesOf,
  pairRateKey,
  pausedUntil,
  READ_KIND,
  settleReport,
  settleRetry,
  settleUnknown,
  type LockedSend,
  type SendError,
  type SendFailure,
  type SendRates,
  type Settlement,
  type SettlementContext,
  type StopCause,
} from "@turno/conversation";
import { asJson, retryOnConflict, type Sql, type Transaction } from "@turno/database";
import type { CircuitChange } from "../circuits/circuits.ts";
import { settleWaitingStatuses } from "../statuses/waiting-statuses.ts";
import { failOpenings } from "./fail-openings.ts";
import { lockSends, lockWamids } from "./lock-sends.ts";
import { writeSettlement } from "./write-settlement.ts";

/**
 * What a call to Meta means for the message.
 *
 * - `accepted`: Meta has it; `wamid` is null for a read receipt. Held: it is not on its way yet, and may never be.
 * - `retry`: surely not taken; due again after `delayMs`. `pause` holds back the whole number or pair as long.
 * - `failed`: never to be sent.
 * - `stopped`: surely not taken, and nothing else will be: it waits until the circuit closes. `tokenKey` names the token
 *   that Meta was called with; without, it is the one that the message has now.
 * - `unknown`: it may have been taken.
 */
export type SendVerdict =
  | { kind: "accepted"; wamid: string | null; isHeld?: boolean }
  | { kind: "retry"; error: SendError; delayMs: number; pause: "number" | "pair" | null }
  | { kind: "failed"; failure: SendFailure }
  | { kind: "stopped"; stop: StopCause; tokenKey?: string | null }
  | { kind: "unknown"; cause: string };

export interface SendOutcome {
  id: string;
  /** The fencing number under which the message was leased. */
  attempt: number;
  verdict: SendVerdict;
}

export interface RecordOptions extends SettlementContext {
  rates: SendRates;
}

export interface RecordedOutcomes {
  counts: Record<SendVerdict["kind"] | "ignored", number>;
  circuits: CircuitChange[];
}

/** How often a read receipt is called. It may be repeated, so one without a known outcome is. */
const READ_ATTEMPTS_MAX = 5;
const READ_RETRY_MS = 2_000;
/**
 * The wait after a refusal that opens no circuit because it is older than the last closing, so that its message is not
 * called at once for ever.
 */
const STOPPED_RETRY_MS = 1_000;

/**
 * Writes the outcomes of calls, with their events, in one transaction. Fenced: an outcome changes nothing if its
 * attempt is not the message's last one, or if a status has settled the message meanwhile. A message whose lease ran
 * out, and which became unknown, is still settled by the answer of the same attempt.
 */
export async function recordOutcomes(
  sql: Sql,
  outcomes: readonly SendOutcome[],
  options: RecordOptions,
): Promise<RecordedOutcomes> {
  return retryOnConflict(() => sql.begin((tx) => recordInTransaction(tx, outcomes, options)));
}

async function recordInTransaction(
  tx: Transaction,
  outcomes: readonly SendOutcome[],
  options: RecordOptions,
): Promise<RecordedOutcomes> {
  const counts: RecordedOutcomes["counts"] = { accepted: 0, retry: 0, failed: 0, stopped: 0, unknown: 0, ignored: 0 };
  const wamids = outcomes.flatMap(({ verdict }) => (verdict.kind === "accepted" ? (verdict.wamid ?? []) : []));
  await lockWamids(tx, wamids);
  const locked = await lockSends(tx, { ids: outcomes.map(({ id }) => id), wamids: [], mayFail: true });
  const settlement = openSettlement(locked);
  const byId = new Map(locked.sends.map((send) => [send.id, send]));
  const paused = new Map<string, number>();
  for (const { id, attempt, verdict } of outcomes) {
    const send = byId.get(id);
    const isCurrent = send?.attempt === attempt && !settlement.sends.has(id);
    if (send === undefined || !isCurrent || (send.state !== "sending" && send.state !== "unknown")) {
      counts.ignored += 1;
      continue;
    }
    counts[settle(settlement, send, verdict, options)] += 1;
    if (verdict.kind === "retry") notePause(paused, send, verdict);
  }
  await settleWaitingStatuses(tx, settlement, locked.sends, wamids, options);
  await failOpenings(tx, settlement, options.createId);
  const circuits = await writeSettlement(tx, settlement, locked.conversations, options.tryWaits);
  await pauseRates(tx, paused, options.rates);
  return { counts, circuits };
}

function settle(
  settlement: Settlement,
  send: LockedSend,
  verdict: SendVerdict,
  options: RecordOptions,
): SendVerdict["kind"] {
  const { now } = settlement;
  const report = { at: now, wamid: null, failure: null, pricing: null };
  switch (verdict.kind) {
    case "accepted": {
      const { wamid, isHeld = false } = verdict;
      settleReport(settlement, send, { ...report, report: "accepted", wamid, isHeld }, options);
      return "accepted";
    }
    case "failed":
      settleReport(settlement, send, { ...report, report: "failed", failure: verdict.failure }, options);
      return "failed";
    case "stopped": {
      const { stop, tokenKey = send.tokenKey } = verdict;
      // An answer to a call that was given up long ago may be older than what somebody has changed since.
      if (send.state === "sending") openCircuit(settlement, { ...send, tokenKey }, stop, now, options);
      settleRetry(settlement, send, { code: stop.code, class: "stopped", message: stop.reason }, STOPPED_RETRY_MS);
      return "stopped";
    }
    case "retry":
      // How old it may get is asked when it is leased again.
      settleRetry(settlement, send, verdict.error, verdict.delayMs);
      return "retry";
    case "unknown": {
      if (send.kind === READ_KIND && send.attempt < READ_ATTEMPTS_MAX) {
        const error = { code: null, class: "B", message: `Outcome not known (${verdict.cause}); repeated.` };
        settleRetry(settlement, send, error, READ_RETRY_MS);
        return "retry";
      }
      // Nothing new where the lease had run out before.
      if (send.state !== "unknown") settleUnknown(settlement, send, verdict.cause, options);
      return "unknown";
    }
  }
}

function notePause(paused: Map<string, number>, send: LockedSend, verdict: SendVerdict & { kind: "retry" }): void {
  if (verdict.pause === null) return;
  const { phoneNumberId, contactId } = send;
  const key = verdict.pause === "number" ? numberRateKey(phoneNumberId) : pairRateKey(phoneNumberId, contactId);
  paused.set(key, Math.max(paused.get(key) ?? 0, verdict.delayMs));
}

const NUMBER_PREFIX = numberRateKey("");

/** Pauses rates. Meta's own count matters: if it says that a limit is reached, ours is behind. */
async function pauseRates(tx: Transaction, paused: ReadonlyMap<string, number>, rates: SendRates): Promise<void> {
  if (paused.size === 0) return;
  const own = await tx<{ phoneNumberId: string; ratePerSecond: number }[]>`
    select phone_number_id as "phoneNumberId", rate_per_second as "ratePerSecond" from channels
    where rate_per_second is not null and ${NUMBER_PREFIX} || phone_number_id = any(${[...paused.keys()]}::text[])`;
  const ownRates = ownRatesOf(own);
  const rows = [...paused].map(([key, delayMs]) => {
    const rate = key.startsWith(NUMBER_PREFIX) ? (ownRates.get(key) ?? rates.number) : rates.pair;
    return { key, seconds: pausedUntil(rate, delayMs) / 1_000 };
  });
  await tx`
    insert into rate_limits (key, full_at)
    select key, turno_clock() + seconds * interval '1 second'
    from json_to_recordset(${asJson(rows)}::text::json) as rate(key text, seconds float8) order by key
    on conflict (key) do update set full_at = greatest(rate_limits.full_at, excluded.full_at)`;
}
