import type { AwaitedAnswer } from "./answering.ts";
import type { WordKind } from "./automatic-words.ts";
import type { Contact, ContactDraft, IdentityKind, IdentityOfContact } from "./contact.ts";
import type { Closing } from "./follow-up.ts";
import type { Inbound } from "./inbound.ts";
import type { Session } from "./session.ts";

export interface Channel {
  id: string;
  phoneNumberId: string;
  /** Null while it is not configured. */
  accountId: string | null;
  groupId: string;
}

export interface OpenConversation extends AwaitedAnswer {
  id: string;
  channelId: string;
  contactId: string;
  phoneNumberId: string;
  groupId: string;
  sequence: number;
  openedAt: Date;
  sessionEndsAt: Date | null;
  sessionClosedAt: Date | null;
}

/** An open conversation as it is first written. `follows`: the closing that it is the rest of. */
export type NewConversation = OpenConversation & {
  checkAt: Date;
  follows: Closing | null;
  /** What was said automatically in its session, which began before it. */
  saidWords?: readonly WordKind[];
};

/** What is known about the channels, contacts and conversations of a batch of updates. */
export interface KnownState {
  /** By Meta's id of the number. */
  channels: ReadonlyMap<string, Channel>;
  contacts: Map<string, Contact>;
  /** From `identityKey` to contact id. */
  identities: Map<string, string>;
  /** Those of `identities` that are retired. */
  retired: Set<string>;
  /** The ids of contacts that are blocked. They have no open conversation. */
  blocked: ReadonlySet<string>;
  /** Queued or active conversations. */
  openConversations: readonly OpenConversation[];
  /** From `<contact>:<channel>` to the session of its latest conversation. */
  sessions: ReadonlyMap<string, Session & { saidWords?: readonly WordKind[] }>;
  /** From `<contact>:<channel>` to how its latest conversation was closed by its agent. */
  closings: ReadonlyMap<string, Closing>;
}

export interface MessageRow {
  id: string;
  key: string;
  conversationId: string | null;
  contactId: string;
  direction: "in" | "out";
  kind: string;
  sentAt: Date;
  receivedAt: Date;
  payload: string;
}

/** An event of what was received. `libs/contracts` says the same of its data, and the compiler compares them. */
export type InboundEvent = { id: string; sequence: number } & (
  | {
      type: "conversation.opened";
      data: PlaceOfEvent & { groupId: string; contact: Pick<Contact, "name" | "username" | "phone" | "userId"> };
    }
  | {
      type: "message.received" | "message.echoed";
      /** The message whose payload is the event's `content`. */
      messageId: string;
      data: PlaceOfEvent & {
        messageId: string;
        kind: string;
        text: string;
        sentAt: string;
        receivedAt: string;
        waitingSince: string | null;
      };
    }
  | { type: "contact.renumbered"; data: { contactId: string; phoneNumberId: string; change: string } }
);

export interface PlaceOfEvent {
  conversationId: string;
  channelId: string;
  phoneNumberId: string;
  contactId: string;
}

/** Rows to write, all in one transaction. */
export interface InboundEffects extends Omit<
  ContactDraft,
  "contacts" | "identities" | "retired" | "newContacts" | "changedContactIds" | "movedIdentities" | "retirements"
> {
  newContacts: Contact[];
  changedContacts: Contact[];
  movedIdentities: IdentityOfContact[];
  retirements: { kind: IdentityKind; value: string; isRetired: boolean }[];
  newConversations: NewConversation[];
  touchedConversations: OpenConversation[];
  messages: MessageRow[];
  events: InboundEvent[];
  /** The newest choice of each contact in the batch. One that is older than what is known changes nothing. */
  marketingChoices: MarketingChoice[];
  /** Updates of a number that no channel has: they have no effect. */
  withoutChannel: Inbound[];
  /** Updates that name a channel of another business account than their own. */
  ofAnothers: Inbound[];
}

/**
 * Two contacts that an update of the batch proves to be one. They are joined before it takes effect; `before` are the
 * updates that come before it and have their effect first. `contactIds` names contacts that are written once that is done.
 */
export interface JoinFirst {
  contactIds: readonly [string, string];
  before: readonly Inbound[];
  provenBy: Inbound;
}

/** Whether a contact wants no marketing messages any more, since when. */
export interface MarketingChoice {
  contactId: string;
  isStopped: boolean;
  saidAt: Date;
}
