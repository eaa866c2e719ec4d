const HOUR_MS = 60 * 60 * 1000;

/** Meta's customer service window. Source: Meta, Cloud API, "Send messages": 24 hours from the customer's last message or call. */
export const SESSION_MS = 24 * HOUR_MS;

/** The longest time before a session's end at which a warning may come, in milliseconds. */
export const WARNING_MS_MAX = 4 * HOUR_MS;

/** One business number's session with one contact. Only the customer opens and renews it, never what we send. */
export interface Session {
  /** Until when free-form messages may be sent; null if the customer never wrote. */
  endsAt: Date | null;
  /**
   * When Meta said that it is over, whatever the clock says (131047); an earlier message of the customer does not open
   * it again.
   */
  closedAt: Date | null;
}

export const NO_SESSION: Session = { endsAt: null, closedAt: null };

/**
 * Returns the session after the customer wrote or called at `interactionAt`, by Meta's timestamp. Late and repeated
 * updates change nothing. A timestamp ahead of our clock counts as now, so that no clock makes a session longer than it
 * is.
 */
export function renewSession(session: Session, interactionAt: Date, now: Date): Session {
  const from = interactionAt > now ? now : interactionAt;
  if (session.closedAt !== null && from <= session.closedAt) return session;
  const endsAt = new Date(from.getTime() + SESSION_MS);
  return session.endsAt !== null && session.endsAt >= endsAt ? session : { ...session, endsAt };
}

/** Returns the session after Meta refused a free-form message because the session is over. */
export function closeSession(session: Session, now: Date): Session {
  const endsAt = session.endsAt === null || session.endsAt > now ? now : session.endsAt;
  return { endsAt, closedAt: now };
}

/** How long before the session's end free-form messages stop, because they still have a way to go to Meta. */
export const SEND_MARGIN_MS = 60_000;

/** Returns whether a free-form message may be offered, accepted and sent: strictly before the end, less the margin. */
export function isSessionOpen(session: Session, now: Date): boolean {
  return session.endsAt !== null && now.getTime() < session.endsAt.getTime() - SEND_MARGIN_MS;
}

/** Returns when a conversation expires: with its session, or 24 hours after opening if the customer never wrote. */
export function expiryOf(conversation: { sessionEndsAt: Date | null; openedAt: Date }): Date {
  return conversation.sessionEndsAt ?? new Date(conversation.openedAt.getTime() + SESSION_MS);
}

/** Returns when to look at a conversation next: before the first warning that it may need, or at once. */
export function firstCheckOf(conversation: { sessionEndsAt: Date | null; openedAt: Date }): Date {
  const at = new Date(expiryOf(conversation).getTime() - WARNING_MS_MAX);
  return at < conversation.openedAt ? conversation.openedAt : at;
}

export type DueStep =
  | { kind: "expire" }
  | { kind: "warn"; minutesBefore: number; nextCheckAt: Date }
  | { kind: "wait"; nextCheckAt: Date };

/**
 * Returns what is due for an open conversation at `now`. `warnings` are minutes before the end; if several have passed,
 * only the latest is returned. `warned` is the last warning that went out, and the end that it named.
 */
export function dueStep(
  conversation: { sessionEndsAt: Date | null; openedAt: Date; warned: { endsAt: Date; minutes: number } | null },
  warnings: readonly number[],
  now: Date,
): DueStep {
  const end = expiryOf(conversation);
  if (now >= end) return { kind: "expire" };
  const instantOf = (minutes: number) => new Date(end.getTime() - minutes * 60_000);
  const passed = warnings.filter((minutes) => instantOf(minutes) <= now);
  const coming = warnings.filter((minutes) => instantOf(minutes) > now);
  const nextCheckAt = coming.length === 0 ? end : instantOf(Math.max(...coming));
  if (passed.length === 0) return { kind: "wait", nextCheckAt };
  const latest = Math.min(...passed);
  const { warned } = conversation;
  const isTold = warned !== null && warned.endsAt.getTime() === end.getTime() && warned.minutes <= latest;
  return isTold ? { kind: "wait", nextCheckAt } : { kind: "warn", minutesBefore: latest, nextCheckAt };
}
