import { absentSince, type PresenceRule } from "./eligibility.ts";

/** Why a conversation goes back to its queue without being asked to. */
export type RequeueCause = "not-accepted" | "no-first-answer" | "no-answer" | "agent-absent" | "customer-wrote";

/**
 * What becomes of the open conversations of an agent who is away: it keeps them, they go back after
 * `absentRequeueSeconds`, or each goes back when its customer writes.
 */
export const AWAY_CHOICES = ["keep", "requeue", "customer-writes"] as const;
export type AwayChoice = (typeof AWAY_CHOICES)[number];

/** What decides whether a conversation stays with its agent. */
export interface HeldSince {
  assignedAt: Date;
  /** Until when it is only offered to the agent; null where the agent has it. */
  offeredUntil: Date | null;
  /** When the customer's oldest message that nobody answered took effect; null where none waits for an answer. */
  waitingNotedAt: Date | null;
  /** When the customer last wrote, by Meta's time; null where it never did. */
  wroteAt: Date | null;
  /** Since when the agent is away; null where it is available. */
  awaySince: Date | null;
  presentUntil: Date | null;
}

export interface RequeueLimits {
  presence: PresenceRule;
  firstAnswerSeconds: number;
  answerSeconds: number;
  absentRequeueSeconds: number;
  whenAway: AwayChoice;
}

/**
 * Returns why an agent's conversation goes back to the queue at `now`, or null if it stays. A limit of 0 seconds means
 * no limit.
 * - The agent did not accept it in time. While it is only offered nothing else counts.
 * - Nobody answered for as long as the group allows: what had waited already, counted from the assignment; a later
 *   message, from when it came.
 * - The agent has had no screen open for as long as the group allows, where the group counts that; or has been away so
 *   long, where the group wants that; or the customer writes to who is not there, where the group wants that.
 */
export function requeueCause(held: HeldSince, group: RequeueLimits, now: Date): RequeueCause | null {
  const isOver = (since: Date, seconds: number) => seconds > 0 && now.getTime() >= since.getTime() + seconds * 1000;
  const { assignedAt, offeredUntil, waitingNotedAt, wroteAt, awaySince } = held;
  if (offeredUntil !== null) return now >= offeredUntil ? "not-accepted" : null;
  if (waitingNotedAt !== null) {
    const isFirst = waitingNotedAt <= assignedAt;
    if (isFirst && isOver(assignedAt, group.firstAnswerSeconds)) return "no-first-answer";
    if (!isFirst && isOver(waitingNotedAt, group.answerSeconds)) return "no-answer";
  }
  // Who got it by force while away or absent counts as that from then on.
  const since = (at: Date | "always" | null) =>
    at === null ? null : at === "always" || at < assignedAt ? assignedAt : at;
  const [absent, away] = [since(absentSince(held.presentUntil, group.presence, now)), since(awaySince)];
  const isGone = (at: Date | null) => at !== null && isOver(at, group.absentRequeueSeconds);
  // What had waited already is no writing to who is gone, but the next message is, though the first still waits.
  const writesTo = (at: Date | null) =>
    at !== null && waitingNotedAt !== null && (isLater(waitingNotedAt, at) || isLater(wroteAt, at));
  if (isGone(absent) || (group.whenAway === "requeue" && isGone(away))) return "agent-absent";
  if (group.whenAway === "customer-writes" && (writesTo(absent) || writesTo(away))) return "customer-wrote";
  return null;
}

const isLater = (one: Date | null, at: Date): boolean => one !== null && one > at;

/** Returns whether a conversation that went back so often is given to nobody any more, in a group that lets it `lapsesMax` times. */
export const isHeldBack = (lapses: number, lapsesMax: number): boolean => lapsesMax > 0 && lapses >= lapsesMax;
