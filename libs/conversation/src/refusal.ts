/** Every reason why a rule can say no. Stable, because other programs decide by it. */
export type RefusalCode =
  | "not-found"
  | "not-permitted"
  | "not-a-member"
  | "conversation-taken"
  | "conversation-not-open"
  | "queue-empty"
  | "agent-away"
  | "agent-absent"
  | "agent-full"
  | "agent-deactivated"
  | "same-agent"
  | "same-group"
  | "conversation-moved"
  | "session-over"
  | "conversation-open"
  | "conversation-superseded"
  | "template-unknown"
  | "templates-unread"
  | "template-unusable"
  | "template-parameters"
  | "marketing-stopped"
  | "phone-needed"
  | "conversation-closed"
  | "conversation-waits"
  | "conversation-expired"
  | "conversation-continued"
  | "conversation-offered"
  | "contact-blocked"
  | "contact-not-blocked"
  | "not-offered"
  | "ticket-needed"
  | "ticket-linked"
  | "ticket-link-not-proposed"
  | "ticket-changed"
  | "ticket-of-another"
  | "invalid";

/** A rule said no. `message` says what happened, why and what to do; `details` names who and when. */
export interface Refusal {
  code: RefusalCode;
  message: string;
  details?: Record<string, unknown>;
}

export function refuse(code: RefusalCode, message: string, details?: Record<string, unknown>): Refusal {
  return details === undefined ? { code, message } : { code, message, details };
}

/** Returns the refusal of anything but finalising, once a template from an expired conversation has opened another. */
export function refuseContinued(continuedById: string): Refusal {
  const message = "A template from this conversation has opened another: go on there. This one can only be finalised.";
  return refuse("conversation-continued", message, { continuedById, allowed: ["finalise"] });
}
