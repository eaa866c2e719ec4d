import { answerAt, isQuiet, waitFrom, WAITS_FOR_NOTHING, type AwaitedAnswer } from "./answering.ts";
import {
  findKnown,
  isKnownProfile,
  learnProfile,
  learnSharedPhone,
  provenSame,
  resolveContact,
  touchContact,
  type Contact,
  type ContactDraft,
  type Naming,
} from "./contact.ts";
import { isFollowUp } from "./follow-up.ts";
import type { Inbound } from "./inbound.ts";
import type {
  Channel,
  InboundEffects,
  InboundEvent,
  JoinFirst,
  KnownState,
  MarketingChoice,
  MessageRow,
  NewConversation,
  OpenConversation,
  PlaceOfEvent,
} from "./inbound-effects.ts";
import { createInstantText } from "./instant-text.ts";
import { isAnothers } from "./spoken-for.ts";
import { firstCheckOf, NO_SESSION, renewSession, SESSION_MS, type Session } from "./session.ts";

export { identityKey, identityKeysOf } from "./contact.ts";
export type { Contact, Identities, IdentityKind } from "./contact.ts";

interface Draft extends ContactDraft {
  /** From `<contact>:<channel>`. */
  open: Map<string, OpenConversation>;
  newConversations: Map<OpenConversation, Pick<NewConversation, "follows" | "saidWords">>;
  touched: Set<OpenConversation>;
  /** By contact. */
  marketingChoices: Map<string, MarketingChoice>;
  /** Contacts that get no conversation. */
  blocked: ReadonlySet<string>;
  messages: MessageRow[];
  events: InboundEvent[];
  createId: () => string;
  now: Date;
  textOf: (instant: Date) => string;
}

/**
 * Decides what a batch of updates does, in its order. The batch holds each key once, and none that has taken effect
 * before.
 *
 * A customer's message goes to the open conversation with its contact on its channel, or opens one that waits in the
 * channel's group. What the business wrote by hand, and notices, only join an open conversation. What a blocked contact
 * sends is kept as its message, and opens none.
 */
export function receive(
  batch: readonly Inbound[],
  known: KnownState,
  context: { createId: () => string; now: Date },
): InboundEffects | JoinFirst {
  const draft: Draft = {
    contacts: known.contacts,
    identities: known.identities,
    retired: known.retired,
    newContacts: new Set(),
    changedContactIds: new Set(),
    newIdentities: [],
    movedIdentities: new Map(),
    retirements: new Map(),
    conflicts: [],
    open: new Map(known.openConversations.map((open) => [openKey(open.contactId, open.channelId), open])),
    newConversations: new Map(),
    touched: new Set(),
    blocked: known.blocked,
    marketingChoices: new Map(),
    messages: [],
    events: [],
    textOf: createInstantText(),
    ...context,
  };
  const withoutChannel: Inbound[] = [];
  const ofAnothers: Inbound[] = [];
  for (const [index, inbound] of batch.entries()) {
    const channel = known.channels.get(inbound.phoneNumberId);
    if (channel === undefined) {
      withoutChannel.push(inbound);
      continue;
    }
    if (isAnothers(inbound, channel)) {
      ofAnothers.push(inbound);
      continue;
    }
    const naming = namingOf(inbound);
    const contact = findKnown(draft, naming);
    const contactIds = contact === undefined ? provenSame(draft, naming) : null;
    if (contactIds !== null) return { contactIds, before: batch.slice(0, index), provenBy: inbound };
    apply(draft, inbound, contact ?? resolveContact(draft, naming, draft.createId), { channel, known });
  }
  return {
    newContacts: [...draft.newContacts],
    changedContacts: [...draft.changedContactIds]
      .map((id) => draft.contacts.get(id))
      .filter((found) => found !== undefined),
    newIdentities: draft.newIdentities,
    movedIdentities: [...draft.movedIdentities.values()],
    retirements: [...draft.retirements.values()],
    conflicts: draft.conflicts,
    newConversations: [...draft.newConversations].map(([opened, before]) => ({
      ...opened,
      checkAt: firstCheckOf(opened),
      ...before,
    })),
    touchedConversations: [...draft.touched].filter((conversation) => !draft.newConversations.has(conversation)),
    messages: draft.messages,
    events: draft.events,
    marketingChoices: [...draft.marketingChoices.values()],
    withoutChannel,
    ofAnothers,
  };
}

const openKey = (contactId: string, channelId: string) => `${contactId}:${channelId}`;

function apply(
  draft: Draft,
  inbound: Inbound,
  contact: Contact,
  { channel, known }: { channel: Channel; known: KnownState },
): void {
  if (inbound.kind === "interaction") learnFromMessage(draft, inbound, contact, known);
  if (inbound.kind === "identity-change") noteChange(draft, inbound, contact);
  if (inbound.kind === "marketing-choice") return noteChoice(draft, inbound, contact);

  let conversation = draft.open.get(openKey(contact.id, channel.id));
  const isBlocked = draft.blocked.has(contact.id);
  if (conversation === undefined && inbound.kind === "interaction" && inbound.opensConversation && !isBlocked) {
    conversation = openConversation(draft, inbound, channel, { contact, known });
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
      text: inbound.text,
      sentAt: draft.textOf(inbound.sentAt),
      receivedAt: draft.textOf(inbound.receivedAt),
      waitingSince: waitingSince === null ? null : draft.textOf(waitingSince),
    },
  });
}

function namingOf(inbound: Inbound): Naming {
  const previous = inbound.kind === "identity-change" ? inbound.previous : null;
  return { identities: inbound.identities, previous, sentAt: inbound.sentAt };
}

/** A name is written where it changes, so whether it is the newest one is for the session to say as well. */
function learnFromMessage(
  draft: Draft,
  inbound: Inbound & { kind: "interaction" },
  contact: Contact,
  known: KnownState,
): void {
  const { profile, sentAt, sharedPhone } = inbound;
  if (sharedPhone !== undefined) learnSharedPhone(draft, contact, sharedPhone, sentAt);
  if (isKnownProfile(contact, profile)) return;
  const key = openKey(contact.id, known.channels.get(inbound.phoneNumberId)?.id ?? "");
  const endsAt = draft.open.get(key)?.sessionEndsAt ?? known.sessions.get(key)?.endsAt ?? null;
  const isLate = endsAt !== null && sentAt.getTime() + SESSION_MS < endsAt.getTime();
  if (!isLate) learnProfile(draft, contact, profile, sentAt);
}

function waitAfter(conversation: OpenConversation, inbound: Inbound, now: Date): AwaitedAnswer {
  if (inbound.kind === "interaction" && inbound.opensConversation) return waitFrom(conversation, inbound.sentAt, now);
  return inbound.kind === "echo" && !isQuiet(inbound.type) ? answerAt(conversation, inbound.sentAt) : conversation;
}

function renew(conversation: OpenConversation, interactionAt: Date, now: Date): void {
  const { sessionEndsAt: endsAt, sessionClosedAt: closedAt } = conversation;
  conversation.sessionEndsAt = renewSession({ endsAt, closedAt }, interactionAt, now).endsAt;
}

const NO_SESSION_BEFORE: Session & Pick<NewConversation, "saidWords"> = NO_SESSION;

/** What follows a closing opens in the group in which that was. */
function openConversation(
  draft: Draft,
  { sentAt }: Inbound,
  channel: Channel,
  { contact, known }: { contact: Contact; known: KnownState },
): OpenConversation {
  const key = openKey(contact.id, channel.id);
  const { saidWords = [], ...session } = known.sessions.get(key) ?? NO_SESSION_BEFORE;
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
  const isSameSession = session.endsAt !== null && sentAt < session.endsAt;
  draft.newConversations.set(conversation, { follows, ...(isSameSession && saidWords.length > 0 && { saidWords }) });
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
