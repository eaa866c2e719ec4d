import { refuse, refuseContinued, type Refusal } from "./refusal.ts";
import { isSessionOpen, type Session } from "./session.ts";
import { refuseMarketing, type MarketingAsked } from "./template.ts";

export type ConversationState = "queued" | "active" | "expired" | "closed" | "failed";

/** What a message needs of Meta's session: a template and a read receipt need none. */
export type MessageNeed = "template" | "read" | "free-form";

export function messageNeed(type: string): MessageNeed {
  return type === "template" || type === "read" ? type : "free-form";
}

export type SendDecision =
  /** It goes out on this conversation. */
  | { kind: "send" }
  /** It opens a new active conversation; this one stays expired. */
  | { kind: "reopen" }
  | { kind: "refuse"; refusal: Refusal };

/**
 * Whether and where a message may go out. On an open conversation free form needs an open session; on an expired one only
 * a template may be sent, and that opens a new conversation. From then on nothing is sent on the expired one.
 */
export function decideSend(input: {
  state: ConversationState;
  session: Session;
  need: MessageNeed;
  now: Date;
  /** The conversation that a template from this one opened, unless that failed. */
  continuedById: string | null;
  /** The open conversation with the same contact on the same channel, where it is another one. */
  openConversationId: string | null;
}): SendDecision {
  const { state, need, continuedById } = input;
  if (state === "closed" || state === "failed")
    return no("conversation-not-open", `This conversation is ${state}.`, { state });
  if (state === "expired") {
    if (continuedById !== null) return { kind: "refuse", refusal: refuseContinued(continuedById) };
    if (need === "read") return { kind: "send" };
    if (need === "free-form") return no("session-over", overText(input.session), overDetails(input.session));
    const newerId = input.openConversationId;
    if (newerId === null) return { kind: "reopen" };
    return no("conversation-superseded", "There is a newer conversation with this customer: go on there.", {
      conversationId: newerId,
    });
  }
  if (need !== "free-form" || isSessionOpen(input.session, input.now)) return { kind: "send" };
  return no("session-over", overText(input.session), overDetails(input.session));
}

/** Why a message that waited is not sent any more. */
export interface Lapse {
  cause: "conversation-over" | "session-over" | "marketing-stopped" | "too-old";
  /** What happened and what to do, for the agent who wrote it. */
  message: string;
}

/**
 * Returns why a message that has waited must not go out now, or null where it still may. It passed the gate once, but a
 * stop or a rate may have held it back while its conversation ended, its session ran out, the customer stopped marketing
 * messages, or its text became old news. A read receipt tells the customer nothing, so it may always go.
 */
export function reviewWaiting(input: {
  state: ConversationState;
  session: Session;
  need: MessageNeed;
  requestedAt: Date;
  now: Date;
  waitMsMax: number;
  /** Null for what is no template, or one that is not known any more: Meta judges that. */
  marketing: MarketingAsked | null;
}): Lapse | null {
  const { state, session, need, requestedAt, now, waitMsMax, marketing } = input;
  if (need === "read") return null;
  if (state === "expired" && need === "free-form")
    return { cause: "session-over", message: notSent(overText(session)) };
  if (state !== "queued" && state !== "active") {
    const advice =
      state === "expired" ? "Send a template from it to open a new one." : "Nothing is sent on it any more.";
    return {
      cause: "conversation-over",
      message: notSent(`The conversation ${OVER_WORDS[state]} while the message waited. ${advice}`),
    };
  }
  if (need === "free-form" && !isSessionOpen(session, now)) {
    return { cause: "session-over", message: notSent(overText(session)) };
  }
  const stopped = marketing === null ? null : refuseMarketing(marketing);
  if (stopped !== null) return { cause: "marketing-stopped", message: notSent(stopped.message) };
  if (now.getTime() - requestedAt.getTime() <= waitMsMax) return null;
  const since = requestedAt.toISOString();
  const advice = "What it says may be old news: send it again if it still matters.";
  return { cause: "too-old", message: notSent(`It has waited since ${since}, longer than is allowed. ${advice}`) };
}

const OVER_WORDS = { expired: "expired", closed: "was closed", failed: "failed" } as const;

const notSent = (why: string) => `Not sent. ${why}`;

function no(...refusal: Parameters<typeof refuse>): SendDecision {
  return { kind: "refuse", refusal: refuse(...refusal) };
}

function overText(session: Session): string {
  const since =
    session.endsAt === null
      ? "The customer has not written in this conversation yet"
      : `The customer's 24 hours ended, or are about to end, at ${session.endsAt.toISOString()}`;
  return `${since}: only a template may be sent until the customer writes or calls.`;
}

function overDetails(session: Session): Record<string, unknown> {
  return { since: session.endsAt?.toISOString() ?? null, allowed: ["template"] };
}
