import type { DeliveryState } from "./delivery.ts";

/** What customers send that asks for no answer, and what of ours is none. Meta does not say that these prolong the 24 hours. */
export const QUIET_KINDS = ["reaction", "edit", "revoke", "system", "call_end"] as const;
const QUIET = new Set<string>(QUIET_KINDS);

export const isQuiet = (kind: string): boolean => QUIET.has(kind);

/** The states of a message that Meta took. Only then is it an answer, if a person wrote it. */
export const TAKEN_STATES = [
  "accepted",
  "sent",
  "delivered",
  "read",
  "played",
] as const satisfies readonly DeliveryState[];
const TAKEN = new Set<string>(TAKEN_STATES);

export const isTaken = (state: DeliveryState): boolean => TAKEN.has(state);

/** Since when a customer waits for an answer. */
export interface AwaitedAnswer {
  /** Meta's time of the oldest message that nobody answered; null where nothing waits for an answer. */
  waitingSince: Date | null;
  /** When that took effect here, which is what limits count from: a message may come long after it was written. */
  waitingNotedAt: Date | null;
}

export const WAITS_FOR_NOTHING: AwaitedAnswer = { waitingSince: null, waitingNotedAt: null };

/** Returns the waiting after the customer wrote at `sentAt`, by Meta's timestamp, which does not count as later than now. */
export function waitFrom({ waitingSince, waitingNotedAt }: AwaitedAnswer, sentAt: Date, now: Date): AwaitedAnswer {
  const from = sentAt > now ? now : sentAt;
  if (waitingSince === null) return { waitingSince: from, waitingNotedAt: now };
  return { waitingSince: from < waitingSince ? from : waitingSince, waitingNotedAt };
}

/** Returns the waiting after a person of the business wrote by hand at `sentAt`: it answers what came before. */
export function answerAt(waiting: AwaitedAnswer, sentAt: Date): AwaitedAnswer {
  const { waitingSince } = waiting;
  return waitingSince !== null && sentAt < waitingSince ? waiting : WAITS_FOR_NOTHING;
}
