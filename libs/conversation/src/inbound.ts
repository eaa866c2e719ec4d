import type { Identities } from "./contact.ts";

/** What each line of the inbound log has that could be read, whatever it means. */
export interface InboundOrigin {
  /** The update's dedupe key. */
  key: string;
  /** Meta's name of what the update is about. */
  field: string;
  /** The line's own text, kept of what cannot take effect or takes none. */
  line: string;
  receivedAt: Date;
}

/**
 * A line of the log that takes effect on a contact and its conversation. It has this one shape from where it is read to
 * where it takes effect. `content` is the update's JSON text, kept as it is.
 */
export type Inbound = InboundOrigin & {
  /** Meta's id of the business account that it came from. */
  accountId: string | null;
  /** Meta's id of the channel. */
  phoneNumberId: string;
  /** Meta's message type; an open set, so a new one is still a message. `call` for calls. */
  type: string;
  /** Meta's timestamp, to the second. Whether it lies in the future is for the reader's clock to say. */
  sentAt: Date;
  identities: Identities;
  content: string;
  /** What it says, in the words that people read. */
  text: string;
} & (
    | {
        kind: "interaction";
        opensConversation: boolean;
        /** Whether it opens or renews Meta's 24 hours, counted from `sentAt`. */
        renewsSession: boolean;
        profile: { name: string | null; username: string | null };
        /** The phone that the customer gave on being asked for it. Left out by any other message. */
        sharedPhone?: Pick<Identities, "phone" | "phoneKey">;
      }
    /** Written by hand by the business in the WhatsApp app; never opens a conversation or a session. */
    | { kind: "echo" }
    /** The customer wants marketing messages no more, or again, since `sentAt`. */
    | { kind: "marketing-choice"; isStopped: boolean }
    /** The customer is known by new ids from now on. */
    | { kind: "identity-change"; previous: Identities; change: string }
  );

/** A line that is kept and never distributed. */
export type Observation = InboundOrigin & {
  kind: "observation";
  /** The field, or `group-message`, `call`, `call-status`, `system`, `status`. */
  what: string;
  phoneNumberId: string | null;
};

/** A line that cannot take effect. Where nothing but its text is known, it has no key. */
export interface Unreadable {
  kind: "unreadable";
  key: string | null;
  field: string;
  line: string;
  /** Names the member and the rule that it breaks. */
  cause: string;
}
