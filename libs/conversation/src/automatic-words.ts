import { isWithinHours, nextChange, writeWallTime, type BusinessHours } from "./business-hours.ts";
import type { ConversationState } from "./sending.ts";
import { isSessionOpen, type Session } from "./session.ts";

/**
 * What happens to what waits in a group outside its hours. `ignored`: hours are not looked at. `wait`: nobody is given it.
 * `tell`: the same, and the customer is told. `overflow`: the same, until another group gets it.
 */
export const OUTSIDE_CHOICES = ["ignored", "wait", "tell", "overflow"] as const;
export type OutsideChoice = (typeof OUTSIDE_CHOICES)[number];

export interface GroupHours {
  outsideHours: OutsideChoice;
  hours: BusinessHours | null;
}

/** Returns whether the group gives out nothing at the instant because it does not work. */
export function isOutside({ outsideHours, hours }: GroupHours, now: Date): boolean {
  return outsideHours !== "ignored" && hours !== null && !isWithinHours(hours, now);
}

/** Returns until when the group does not work, null where it does; `until` is null where it never will. */
export function outsideHoursNow(group: GroupHours, now: Date): { until: Date | null } | null {
  return group.hours !== null && isOutside(group, now) ? { until: nextChange(group.hours, now) } : null;
}

/** What a group says on its own: that it does not work now, a greeting, that a customer has to wait. */
export const WORD_KINDS = ["outside-hours", "greeting", "queue"] as const;
export type WordKind = (typeof WORD_KINDS)[number];

export interface AutomaticWords {
  text: string;
  /** Said in its place where the customer's session is over; null where nothing is said then. */
  template: { name: string; language: string } | null;
}

export interface GroupWords {
  outsideHours: AutomaticWords | null;
  greeting: AutomaticWords | null;
  queue: (AutomaticWords & { afterSeconds: number }) | null;
}

/** What decides whether something is said in a conversation. */
export interface WordsLook extends GroupHours {
  state: ConversationState;
  queuedAt: Date;
  session: Session;
  /** What was said in this session, here or in an earlier conversation with the contact on this channel. */
  said: readonly WordKind[];
  /** Whether the customer opened it since the last look. */
  isOpening: boolean;
  /** Whether the customer wants nothing that it did not ask for. */
  isStopped: boolean;
  words: GroupWords;
}

export interface WordsDecision {
  say: { kind: WordKind; how: "text" | "template"; words: AutomaticWords } | null;
  /** When to look next; null where nothing more can be due before the customer writes again. */
  lookAt: Date | null;
}

const NOTHING_DUE: WordsDecision = { say: null, lookAt: null };

/**
 * Returns what a group says now in a conversation on its own, at most one thing, and when to look again. Each kind is said
 * once in a session, so two programs never talk with each other for long.
 * - Outside its hours, where the group tells that: to who waits in the queue. Nothing else is said in that session.
 * - A greeting, where the customer opens a conversation.
 * - That it waits, once it has waited in the queue for so long.
 */
export function wordsDue(look: WordsLook, now: Date): WordsDecision {
  const { state, said, words, isStopped } = look;
  if (isStopped || (state !== "queued" && state !== "active")) return NOTHING_DUE;
  if (said.includes("outside-hours")) return NOTHING_DUE;
  const isWaiting = state === "queued";
  const tells = isWaiting && look.outsideHours === "tell" && words.outsideHours !== null;
  const queue = isWaiting && !said.includes("queue") ? words.queue : null;
  const queueAt = queue === null ? null : new Date(look.queuedAt.getTime() + queue.afterSeconds * 1000);
  const lookAt = earliest(tells && look.hours !== null ? nextChange(look.hours, now) : null, queueAt);

  if (tells && isOutside(look, now)) {
    return { say: inSession(look, "outside-hours", words.outsideHours, now), lookAt: null };
  }
  if (look.isOpening && words.greeting !== null && !said.includes("greeting")) {
    return { say: inSession(look, "greeting", words.greeting, now), lookAt };
  }
  if (queueAt !== null && queueAt <= now) {
    const rest = tells && look.hours !== null ? nextChange(look.hours, now) : null;
    return { say: inSession(look, "queue", queue, now), lookAt: rest };
  }
  return { say: null, lookAt };
}

function inSession(
  { session }: WordsLook,
  kind: WordKind,
  words: AutomaticWords | null,
  now: Date,
): WordsDecision["say"] {
  if (words === null) return null;
  if (isSessionOpen(session, now)) return { kind, how: "text", words };
  return words.template === null ? null : { kind, how: "template", words };
}

function earliest(one: Date | null, other: Date | null): Date | null {
  if (one === null || other === null) return one ?? other;
  return one < other ? one : other;
}

const PLACEHOLDER = /\{(\w*)\}/g;
const OPENS_AT = "opensAt";

/** Returns the text with its placeholder filled in: when the group works again, by its own clock. */
export function writeWords(text: string, { hours }: Pick<GroupHours, "hours">, now: Date): string {
  const until = hours === null || isWithinHours(hours, now) ? null : nextChange(hours, now);
  const opensAt = hours === null || until === null ? "…" : writeWallTime(hours, until);
  return text.replaceAll(PLACEHOLDER, (whole, name) => (name === OPENS_AT ? opensAt : whole));
}

/** Returns why a group cannot have these settings, naming the member; null where it can. */
export function faultOfOutside(
  group: GroupHours & { id: string; overflowGroupId: string | null; automaticWords: GroupWords | null },
): string | null {
  const { outsideHours, hours, overflowGroupId, automaticWords } = group;
  if (outsideHours !== "ignored" && hours === null) return `outsideHours: ${outsideHours} needs hours`;
  if (outsideHours === "tell" && (automaticWords?.outsideHours ?? null) === null) {
    return "outsideHours: tell needs automaticWords.outsideHours";
  }
  if (outsideHours === "overflow" && overflowGroupId === null) return "outsideHours: overflow needs overflowGroupId";
  if (overflowGroupId === group.id) return "overflowGroupId: a group does not overflow into itself";
  for (const [member, words] of Object.entries(automaticWords ?? {}) as [keyof GroupWords, AutomaticWords | null][]) {
    const wrong = (words?.text.match(PLACEHOLDER) ?? []).find(
      (placeholder) => member !== "outsideHours" || placeholder !== `{${OPENS_AT}}`,
    );
    if (wrong !== undefined) return `automaticWords.${member}: nothing stands for ${wrong} there`;
  }
  return null;
}
