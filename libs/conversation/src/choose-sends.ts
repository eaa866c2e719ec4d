import { afterSending, countFitting, nextFitAt, numberRateKey, pairRateKey, type Rate } from "./rate.ts";
import type { ConversationState } from "./sending.ts";
import type { MarketingAsked } from "./template.ts";

/** Meta's two limits: for a business number that has no rate of its own, and for a number towards one contact. */
export interface SendRates {
  number: Rate;
  pair: Rate;
}

/** A message that is due and first in its conversation. */
export interface SendCandidate {
  id: string;
  attempt: number;
  conversationId: string;
  contactId: string;
  phoneNumberId: string;
  accountId: string | null;
  kind: string;
  body: Record<string, unknown>;
  /** Of a template that is known, and null otherwise. */
  marketing: MarketingAsked | null;
  userId: string | null;
  phone: string | null;
  pairFullAtMs: number | null;
  /** Open circuits that cover it, by name, each with a try that is due. */
  tries: readonly string[];
  conversation: { state: ConversationState; sessionEndsAt: Date | null; sessionClosedAt: Date | null };
  requestedAt: Date;
  /** The rules' clock, when it was read. */
  now: Date;
}

export interface SendChoice {
  chosen: SendCandidate[];
  /** Conversations whose pair has to wait, and how long. */
  postponed: { conversationId: string; ms: number }[];
  /** The arrival times that changed, by key. */
  fullAtMs: Map<string, number>;
  waitMs: number | null;
  /** The message that tries each open circuit. */
  tries: Map<string, string>;
}

/** A read receipt is not a message: Meta counts it among the number's calls, not for the pair. */
export const READ_KIND = "read";

/**
 * Chooses what may be sent now. `fullAtMs` holds the arrival times of the numbers with something due, `ownRates` the rates
 * of those that have one of their own, both by the number's key. It takes one
 * message of each number after the other, so that a busy number does not hold up the others, and one message of all
 * that an open circuit covers.
 */
export function chooseSends(
  candidates: readonly SendCandidate[],
  given: {
    limit: number;
    rates: SendRates;
    ownRates?: ReadonlyMap<string, Rate>;
    nowMs: number;
    fullAtMs: ReadonlyMap<string, number>;
  },
): SendChoice {
  const { limit, rates, nowMs } = given;
  const rateOf = (numberKey: string) => given.ownRates?.get(numberKey) ?? rates.number;
  const choice: SendChoice = { chosen: [], postponed: [], fullAtMs: new Map(), waitMs: null, tries: new Map() };
  for (const candidate of inTurn(candidates)) {
    if (choice.chosen.length === limit) break;
    if (candidate.tries.some((name) => choice.tries.has(name))) continue;
    const numberKey = numberRateKey(candidate.phoneNumberId);
    const numberFullAt = choice.fullAtMs.get(numberKey) ?? given.fullAtMs.get(numberKey) ?? null;
    if (countFitting(rateOf(numberKey), numberFullAt, nowMs) === 0) continue;
    if (candidate.kind !== READ_KIND) {
      const pairKey = pairRateKey(candidate.phoneNumberId, candidate.contactId);
      const pairFullAt = choice.fullAtMs.get(pairKey) ?? candidate.pairFullAtMs;
      if (countFitting(rates.pair, pairFullAt, nowMs) === 0) {
        const { conversationId } = candidate;
        choice.postponed.push({ conversationId, ms: nextFitAt(rates.pair, pairFullAt ?? nowMs) - nowMs });
        // What is behind it may fit: look again at once.
        choice.waitMs = 0;
        continue;
      }
      choice.fullAtMs.set(pairKey, afterSending(rates.pair, pairFullAt, nowMs, 1));
    }
    choice.fullAtMs.set(numberKey, afterSending(rateOf(numberKey), numberFullAt, nowMs, 1));
    for (const name of candidate.tries) choice.tries.set(name, candidate.id);
    choice.chosen.push(candidate);
  }
  for (const [key, before] of given.fullAtMs) {
    const fullAt = choice.fullAtMs.get(key) ?? before;
    if (countFitting(rateOf(key), fullAt, nowMs) > 0) continue;
    const waitMs = nextFitAt(rateOf(key), fullAt) - nowMs;
    choice.waitMs = Math.min(choice.waitMs ?? waitMs, waitMs);
  }
  return choice;
}

/** A read receipt that goes through proves less than a message, so it tries only if nothing else can. */
const isWeakTry = ({ kind, tries }: SendCandidate) => kind === READ_KIND && tries.length > 0;

function inTurn(candidates: readonly SendCandidate[]): SendCandidate[] {
  const placed = new Map<string, number>();
  return candidates
    .map((candidate) => {
      const place = placed.get(candidate.phoneNumberId) ?? 0;
      placed.set(candidate.phoneNumberId, place + 1);
      return { candidate, place };
    })
    .toSorted((a, b) => +isWeakTry(a.candidate) - +isWeakTry(b.candidate) || a.place - b.place)
    .map(({ candidate }) => candidate);
}
