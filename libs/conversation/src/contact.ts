/** How one update names a person. `phone` as Meta gave it; `phoneKey` in canonical form, for matching only. */
export interface Identities {
  userId: string | null;
  parentUserId: string | null;
  phone: string | null;
  phoneKey: string | null;
}

export type IdentityKind = "user" | "parent" | "phone";

/** A customer. Each `…At` is Meta's time of what says so; null where that is not known, so anything is newer. */
export interface Contact {
  id: string;
  userId: string | null;
  userIdAt: Date | null;
  phone: string | null;
  phoneKey: string | null;
  phoneAt: Date | null;
  name: string | null;
  username: string | null;
  namedAt: Date | null;
  /** Counts the contact's own events. */
  sequence: number;
}

export interface IdentityOfContact {
  kind: IdentityKind;
  value: string;
  contactId: string;
}

export interface ContactDraft {
  contacts: Map<string, Contact>;
  /** From `<kind>:<value>` to the contact's id. */
  identities: Map<string, string>;
  /** Of `identities`, what a notice of Meta's has replaced. */
  retired: Set<string>;
  newContacts: Set<Contact>;
  changedContactIds: Set<string>;
  newIdentities: IdentityOfContact[];
  /** Phones that went to another contact, by `identityKey`. */
  movedIdentities: Map<string, IdentityOfContact>;
  /** What was retired or came into force again, by `identityKey`. */
  retirements: Map<string, { kind: IdentityKind; value: string; isRetired: boolean }>;
  conflicts: { contactId: string; otherContactId: string }[];
}

export const identityKey = (kind: IdentityKind, value: string): string => `${kind}:${value}`;

type Key = Pick<IdentityOfContact, "kind" | "value">;

/** Returns the keys by which an update may lead to a contact, strongest first. */
export function identityKeysOf(identities: Identities): Key[] {
  const keys: Key[] = [];
  if (identities.userId !== null) keys.push({ kind: "user", value: identities.userId });
  if (identities.parentUserId !== null) keys.push({ kind: "parent", value: identities.parentUserId });
  if (identities.phoneKey !== null) keys.push({ kind: "phone", value: identities.phoneKey });
  return keys;
}

/** What an update says of who a customer is: now, before a notice of change, and since when by Meta's time. */
export interface Naming {
  identities: Identities;
  previous: Identities | null;
  sentAt: Date;
}

/** Returns the contact that has in force just what the update says, if there is one: then nothing is proven, and nothing is learned. */
export function findKnown(draft: ContactDraft, { identities, previous }: Naming): Contact | undefined {
  const { userId, parentUserId, phone, phoneKey } = identities;
  if (previous !== null || userId === null || parentUserId !== null) return undefined;
  const contact = contactBy(draft, "user", userId);
  if (contact?.userId !== userId) return undefined;
  return phone === null || (contact.phone === phone && contact.phoneKey === phoneKey) ? contact : undefined;
}

/**
 * Returns two contacts that Meta proves to be one person, or null. A notice of change names both; so does an update with
 * a user id and the phone of a contact that has no user id. One that has another user id is another person: the carrier
 * gave the phone away.
 */
export function provenSame(draft: ContactDraft, naming: Naming): readonly [string, string] | null {
  const { identities, previous } = naming;
  // Most updates show one id, which proves nothing.
  if (previous === null && (identities.userId === null || identities.phoneKey === null)) return null;
  const current = contactBy(draft, "user", identities.userId);
  const before = previous === null ? undefined : findContact(draft, previous);
  if (before !== undefined && current !== undefined && before !== current) return [before.id, current.id];
  const known = before ?? (isRetired(draft, "user", identities.userId) ? undefined : current);
  const ofPhone = contactBy(draft, "phone", identities.phoneKey);
  if (known === undefined || ofPhone === undefined || ofPhone === known || ofPhone.userId !== null) return null;
  return [known.id, ofPhone.id];
}

/**
 * Finds the contact an update speaks of, or makes it, and learns what the update says of it.
 *
 * The business-scoped user id decides, then the one before a change, the parent's, the phone. Of two facts the newer one by
 * Meta's time holds. A retired identity leads to its contact, and is its address again only where a notice says so. A
 * phone belongs to the contact that had it last.
 */
export function resolveContact(draft: ContactDraft, naming: Naming, createId: () => string): Contact {
  const { identities, previous } = naming;
  const contact =
    (previous === null ? undefined : findContact(draft, previous)) ??
    findContact(draft, identities) ??
    create(draft, createId);
  if (previous !== null) for (const key of identityKeysOf(previous)) retire(draft, contact, key, naming.sentAt);
  learnUserId(draft, contact, naming);
  if (identities.parentUserId !== null) learn(draft, contact, { kind: "parent", value: identities.parentUserId });
  learnPhone(draft, contact, naming);
  return contact;
}

/**
 * Returns a contact of whom nothing is known but the address to which somebody of ours writes first, and what leads to
 * it. Whatever Meta says of the contact is newer.
 */
export function createAddressed(
  address: Identities,
  createId: () => string,
): { contact: Contact; identities: IdentityOfContact[] } {
  const contact = { ...blank(createId()), userId: address.userId, phone: address.phone, phoneKey: address.phoneKey };
  return { contact, identities: identityKeysOf(address).map((key) => ({ ...key, contactId: contact.id })) };
}

/** Takes over the name and username that an update has, unless it is older than what is known. */
export function learnProfile(
  draft: ContactDraft,
  contact: Contact,
  profile: { name: string | null; username: string | null },
  sentAt: Date,
): void {
  if (!isNewer(sentAt, contact.namedAt)) return;
  const [name, username] = [profile.name ?? contact.name, profile.username ?? contact.username];
  if (name === contact.name && username === contact.username) return;
  change(draft, contact, { name, username, namedAt: sentAt });
}

/**
 * Learns the phone that a contact shared on being asked for it, where none is known. Where it leads to another contact,
 * that is noted for a person and changes nothing.
 */
export function learnSharedPhone(
  draft: ContactDraft,
  contact: Contact,
  shared: Pick<Identities, "phone" | "phoneKey">,
  sentAt: Date,
): void {
  if (contact.phone !== null || shared.phoneKey === null) return;
  if (learn(draft, contact, { kind: "phone", value: shared.phoneKey })) {
    change(draft, contact, { ...shared, phoneAt: sentAt });
  }
}

/** Whether a profile says nothing that is not known of the contact. */
export const isKnownProfile = (contact: Contact, { name, username }: Pick<Contact, "name" | "username">): boolean =>
  (name ?? contact.name) === contact.name && (username ?? contact.username) === contact.username;

export function touchContact(draft: ContactDraft, contact: Contact): void {
  if (!draft.newContacts.has(contact)) draft.changedContactIds.add(contact.id);
}

/** Whether what is said at an instant holds against what is known since another one. */
export function isNewer(sentAt: Date, known: Date | null): boolean {
  return known === null || known <= sentAt;
}

function contactBy(draft: ContactDraft, kind: IdentityKind, value: string | null): Contact | undefined {
  const contactId = value === null ? undefined : draft.identities.get(identityKey(kind, value));
  return contactId === undefined ? undefined : draft.contacts.get(contactId);
}

function isRetired(draft: ContactDraft, kind: IdentityKind, value: string | null): boolean {
  return value !== null && draft.retired.has(identityKey(kind, value));
}

function findContact(draft: ContactDraft, identities: Identities): Contact | undefined {
  const { userId, parentUserId, phoneKey } = identities;
  const named = contactBy(draft, "user", userId) ?? contactBy(draft, "parent", parentUserId);
  if (named !== undefined) return named;
  const ofPhone = contactBy(draft, "phone", phoneKey);
  const isAnothers = userId !== null && (ofPhone?.userId ?? userId) !== userId;
  return isAnothers ? undefined : ofPhone;
}

const blank = (id: string): Contact => ({
  id,
  userId: null,
  userIdAt: null,
  phone: null,
  phoneKey: null,
  phoneAt: null,
  name: null,
  username: null,
  namedAt: null,
  sequence: 0,
});

function create(draft: ContactDraft, createId: () => string): Contact {
  const contact = blank(createId());
  draft.contacts.set(contact.id, contact);
  draft.newContacts.add(contact);
  return contact;
}

/** Whether the identity is the contact's, known before or learned now. */
function learn(draft: ContactDraft, contact: Contact, key: Key): boolean {
  const owner = draft.identities.get(identityKey(key.kind, key.value));
  if (owner === contact.id) return true;
  if (owner !== undefined) {
    draft.conflicts.push({ contactId: contact.id, otherContactId: owner });
    return false;
  }
  draft.identities.set(identityKey(key.kind, key.value), contact.id);
  draft.newIdentities.push({ ...key, contactId: contact.id });
  touchContact(draft, contact);
  return true;
}

function learnUserId(draft: ContactDraft, contact: Contact, { identities, previous, sentAt }: Naming): void {
  const { userId } = identities;
  if (userId === null || !learn(draft, contact, { kind: "user", value: userId })) return;
  if (!isNewer(sentAt, contact.userIdAt)) return;
  const isChange = previous !== null;
  if (draft.retired.has(identityKey("user", userId))) {
    if (!isChange) return;
    note(draft, { kind: "user", value: userId }, false);
  }
  if (isChange || contact.userId !== userId) change(draft, contact, { userId, userIdAt: sentAt });
}

function learnPhone(draft: ContactDraft, contact: Contact, { identities, previous, sentAt }: Naming): void {
  const { phone, phoneKey, userId } = identities;
  if (phone === null || phoneKey === null || !isNewer(sentAt, contact.phoneAt)) return;
  if (previous === null && isRetired(draft, "user", userId)) return;
  const owner = contactBy(draft, "phone", phoneKey);
  if (owner !== undefined && owner !== contact) {
    const isItsPhone = owner.phone !== null && (owner.phoneKey ?? phoneKey) === phoneKey;
    if (isItsPhone && !isNewer(sentAt, owner.phoneAt)) return;
    if (isItsPhone) change(draft, owner, { phone: null, phoneKey: null, phoneAt: sentAt });
    const key = identityKey("phone", phoneKey);
    draft.identities.set(key, contact.id);
    draft.retired.delete(key);
    draft.movedIdentities.set(key, { kind: "phone", value: phoneKey, contactId: contact.id });
    touchContact(draft, contact);
  } else {
    learn(draft, contact, { kind: "phone", value: phoneKey });
  }
  if (previous !== null || contact.phone !== phone) change(draft, contact, { phone, phoneKey, phoneAt: sentAt });
}

/** What was before leads to the contact still. A notice that is older than what is in force does not retire that. */
function retire(draft: ContactDraft, contact: Contact, key: Key, sentAt: Date): void {
  if (!learn(draft, contact, key)) return;
  const isInForce =
    (key.kind === "user" && contact.userId === key.value && !isNewer(sentAt, contact.userIdAt)) ||
    (key.kind === "phone" && contact.phoneKey === key.value && !isNewer(sentAt, contact.phoneAt));
  if (!isInForce) note(draft, key, true);
}

function note(draft: ContactDraft, key: Key, isGone: boolean): void {
  const text = identityKey(key.kind, key.value);
  if (isGone) draft.retired.add(text);
  else draft.retired.delete(text);
  draft.retirements.set(text, { ...key, isRetired: isGone });
}

function change(draft: ContactDraft, contact: Contact, changed: Partial<Contact>): void {
  Object.assign(contact, changed);
  touchContact(draft, contact);
}
