import { answerAt, isQuiet, waitFrom, WAITS_FOR_NOTHING, type AwaitedAnswer } from "./answering.ts";
import { learnProfile, resolveContact, touchContact, type Contact, type ContactDraft } from "./contact.ts";
import { isFollowUp, type Closing } from "./follow-up.ts";
import type { Inbound } from "./inbound.ts";
import { createInstantText } from "./instant-text.ts";
import { firstCheckOf, NO_SESSION, renewSession, type Session } from "./session.ts";

export { identityKey, identityKeysOf } from "./contact.ts";
export type { Contact, Identities, IdentityKind } from "./contact.ts";

export interface Channel {
  id: string;
  phoneNumberId: string;
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
export type NewConversation = OpenConversation & { checkAt: Date; follows: Closing | null };

/** What is known about the channels, contacts and conversations of a batch of updates. */
export interface KnownState {
  /** By Meta's id of the number. */
  channels: ReadonlyMap<string, Channel>;
  contacts: Map<string, Contact>;
  /** From `identityKey` to contact id. */
  identities: Map<string, string>;
  /** Queued or active conversations. */
  openConversations: readonly OpenConversation[];
  /** From `<contact>:<channel>` to the session of its latest conversation. */
  sessions: ReadonlyMap<string, Session>;
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
      data: PlaceOfEvent & { messageId: string; kind: string; sentAt: string; receivedAt: string };
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
  "contacts" | "identities" | "newContacts" | "changedContactIds"
> {
  newContacts: Contact[];
  changedContacts: Contact[];
  newConversations: NewConversation[];
  touchedConversations: OpenConversation[];
  messages: MessageRow[];
  events: InboundEvent[];
  /** The newest choice of each contact in the batch. One that is older than what is known changes nothing. */
  marketingChoices: MarketingChoice[];
  /** Updates of a number that no channel has: they have no effect. */
  withoutChannel: Inbound[];
}

/** Whether a contact wants no marketing messages any more, since when. */
export interface MarketingChoice {
  contactId: string;
  isStopped: boolean;
  saidAt: Date;
}

interface Draft extends ContactDraft {
  /** From `<contact>:<channel>`. */
  open: Map<string, OpenConversation>;
  newConversations: Map<OpenConversation, Closing | null>;
  touched: Set<OpenConversation>;
  /** By contact. */
  marketingChoices: Map<string, MarketingChoice>;
  messages: MessageRow[];
  events: InboundEvent[];
  createId: () => string;
  now: Date;
  sentText: (instant: Date) => string;
  receivedText: (instant: Date) => string;
}

/**
 * Decides what a batch of updates does, in its order. The batch holds each key once, and none that has taken effect
 * before.
 *
 * A customer's message goes to the open conversation with its contact on its channel, or opens one that waits in the
 * channel's group. What the business wrote by hand, and notices, only join an open conversation.
 */
export function receive(
  batch: readonly Inbound[],
  known: KnownState,
  context: { createId: () => string; now: Date },
): InboundEffects {
  const draft: Draft = {
    contacts: known.contacts,
    identities: known.identities,
    newContacts: new Set(),
    changedContactIds: new Set(),
    newIdentities: [],
    retiredIdentities: [],
    conflicts: [],
    open: new Map(known.openConversations.map((open) => [openKey(open.contactId, open.channelId), open])),
    newConversations: new Map(),
    touched: new Set(),
    marketingChoices: new Map(),
    messages: [],
    events: [],
    sentText: createInstantText(),
    receivedText: createInstantText(),
    ...context,
  };
  const withoutChannel: Inbound[] = [];
  for (const inbound of batch) {
    const channel = known.channels.get(inbound.phoneNumberId);
    if (channel === undefined) withoutChannel.push(inbound);
    else apply(draft, inbound, channel, known);
  }
  return {
    newContacts: [...draft.newContacts],
    changedContacts: [...draft.changedContactIds]
      .map((id) => draft.contacts.get(id))
      .filter((found) => found !== undefined),
    newIdentities: draft.newIdentities,
    retiredIdentities: draft.retiredIdentities,
    conflicts: draft.conflicts,
    newConversations: [...draft.newConversations].map(([opened, follows]) => ({
      ...opened,
      checkAt: firstCheckOf(opened),
      follows,
    })),
    touchedConversations: [...draft.touched].filter((conversation) => !draft.newConversations.has(conversation)),
    messages: draft.messages,
    events: draft.events,
    marketingChoices: [...draft.marketingChoices.values()],
    withoutChannel,
  };
}

const openKey = (contactId: string, channelId: string) => `${contactId}:${channelId}`;

function apply(draft: Draft, inbound: Inbound, channel: Channel, known: KnownState): void {
  const previous = inbound.kind === "identity-change" ? inbound.previous : null;
  const contact = resolveContact(draft, inbound.identities, previous, draft.createId);
  if (inbound.kind === "interaction") learnProfile(draft, contact, inbound.profile);
  if (inbound.kind === "identity-change") noteChange(draft, inbound, contact);
  if (inbound.kind === "marketing-choice") return noteChoice(draft, inbound, contact);

  let conversation = draft.open.get(openKey(contact.id, channel.id));
  if (conversation === undefined && inbound.kind === "interaction" && inbound.opensConversation) {
    conversation = openConversation(draft, channel, contact, known);
  }
  const message = addMessage(draft, inbound, contact, conversation);
  if (conversation === undefined) return;

  draft.touched.add(conversation);
  if (inbound.kind === "interaction" && inbound.renewsSession) renew(conversation, inbound.sentAt, draft.now);
  const { waitingSince, waitingNotedAt } = waitAfter(conversation, inbound, draft.now);
  Object.assign(conversation, { waitingSince, waitingNotedAt });
  draft.events.push({
    id: draft.createId(),
    type: inbound.kind === "echo" ? "message.echoed" : "message.received",
    sequence: ++conversation.sequence,
    messageId: message.id,
    data: {
      ...placeOf(conversation),
      messageId: message.id,
      kind: inbound.type,
      sentAt: draft.sentText(inbound.sentAt),
      receivedAt: draft.receivedText(inbound.receivedAt),
    },
  });
}

function waitAfter(conversation: OpenConversation, inbound: Inbound, now: Date): AwaitedAnswer {
  if (inbound.kind === "interaction" && inbound.opensConversation) return waitFrom(conversation, inbound.sentAt, now);
  return inbound.kind === "echo" && !isQuiet(inbound.type) ? answerAt(conversation, inbound.sentAt) : conversation;
}

function renew(conversation: OpenConversation, interactionAt: Date, now: Date): void {
  const { sessionEndsAt: endsAt, sessionClosedAt: closedAt } = conversation;
  conversation.sessionEndsAt = renewSession({ endsAt, closedAt }, interactionAt, now).endsAt;
}

/** What follows a closing opens in the group in which that was. */
function openConversation(draft: Draft, channel: Channel, contact: Contact, known: KnownState): OpenConversation {
  const key = openKey(contact.id, channel.id);
  const session = known.sessions.get(key) ?? NO_SESSION;
  const closing = known.closings.get(key);
  const follows = closing !== undefined && isFollowUp(closing, draft.now) ? closing : null;
  const groupId = follows?.groupId ?? channel.groupId;
  const conversation: OpenConversation = {
    id: draft.createId(),
    channelId: channel.id,
    contactId: contact.id,
    phoneNumberId: channel.phoneNumberId,
    groupId,
    sequence: 0,
    openedAt: draft.now,
    sessionEndsAt: session.endsAt,
    sessionClosedAt: session.closedAt,
    ...WAITS_FOR_NOTHING,
  };
  draft.open.set(key, conversation);
  draft.newConversations.set(conversation, follows);
  draft.events.push({
    id: draft.createId(),
    type: "conversation.opened",
    sequence: ++conversation.sequence,
    data: {
      ...placeOf(conversation),
      groupId,
      contact: { name: contact.name, username: contact.username, phone: contact.phone, userId: contact.userId },
    },
  });
  return conversation;
}

function addMessage(
  draft: Draft,
  inbound: Inbound,
  contact: Contact,
  conversation: OpenConversation | undefined,
): MessageRow {
  const message: MessageRow = {
    id: draft.createId(),
    key: inbound.key,
    conversationId: conversation?.id ?? null,
    contactId: contact.id,
    direction: inbound.kind === "echo" ? "out" : "in",
    kind: inbound.type,
    sentAt: inbound.sentAt,
    receivedAt: inbound.receivedAt,
    payload: inbound.content,
  };
  draft.messages.push(message);
  return message;
}

/** It is no message of a conversation; its row says that it has taken effect. */
function noteChoice(draft: Draft, inbound: Inbound & { kind: "marketing-choice" }, contact: Contact): void {
  addMessage(draft, inbound, contact, undefined);
  const { isStopped, sentAt: saidAt } = inbound;
  const known = draft.marketingChoices.get(contact.id);
  if (known !== undefined && known.saidAt > saidAt) return;
  draft.marketingChoices.set(contact.id, { contactId: contact.id, isStopped, saidAt });
}

function placeOf({ id: conversationId, channelId, phoneNumberId, contactId }: OpenConversation): PlaceOfEvent {
  return { conversationId, channelId, phoneNumberId, contactId };
}

function noteChange(draft: Draft, inbound: Inbound & { kind: "identity-change" }, contact: Contact): void {
  contact.sequence += 1;
  touchContact(draft, contact);
  draft.events.push({
    id: draft.createId(),
    type: "contact.renumbered",
    sequence: contact.sequence,
    data: { contactId: contact.id, phoneNumberId: inbound.phoneNumberId, change: inbound.change },
  });
}
