/** How one update names a person. `phone` as Meta gave it; `phoneKey` in canonical form, for matching only. */
export interface Identities {
  userId: string | null;
  parentUserId: string | null;
  phone: string | null;
  phoneKey: string | null;
}

export type IdentityKind = "user" | "parent" | "phone";

export interface Contact {
  id: string;
  userId: string | null;
  phone: string | null;
  name: string | null;
  username: string | null;
  /** Counts the contact's own events. */
  sequence: number;
}

export interface ContactDraft {
  contacts: Map<string, Contact>;
  /** From `<kind>:<value>` to the contact's id. */
  identities: Map<string, string>;
  newContacts: Set<Contact>;
  changedContactIds: Set<string>;
  newIdentities: { kind: IdentityKind; value: string; contactId: string }[];
  retiredIdentities: { kind: IdentityKind; value: string }[];
  conflicts: { contactId: string; otherContactId: string }[];
}

export const identityKey = (kind: IdentityKind, value: string): string => `${kind}:${value}`;

/** Returns the keys by which an update may lead to a contact, strongest first. */
export function identityKeysOf(identities: Identities): { kind: IdentityKind; value: string }[] {
  const keys: { kind: IdentityKind; value: string }[] = [];
  if (identities.userId !== null) keys.push({ kind: "user", value: identities.userId });
  if (identities.parentUserId !== null) keys.push({ kind: "parent", value: identities.parentUserId });
  if (identities.phoneKey !== null) keys.push({ kind: "phone", value: identities.phoneKey });
  return keys;
}

/**
 * Finds the contact an update speaks of, or makes it, and learns what the update says of it.
 *
 * The business-scoped user id decides, then the one before a change, the parent's, the phone. A phone whose contact has
 * another user id was given to somebody else by the carrier: it leads nowhere. Where one update names two contacts they
 * stay two, and the conflict is noted for a person.
 */
export function resolveContact(
  draft: ContactDraft,
  identities: Identities,
  previous: Identities | null,
  createId: () => string,
): Contact {
  const named = [...identityKeysOf(identities), ...(previous === null ? [] : identityKeysOf(previous))];
  const order = previous === null ? named : [...identityKeysOf(previous), ...identityKeysOf(identities)];
  const found = order.find((key) => leadsTo(draft, key, identities.userId, previous !== null) !== null);
  const contact =
    found === undefined ? create(draft, createId) : leadsTo(draft, found, identities.userId, previous !== null);
  if (contact === null) throw new Error("a key that led to a contact leads nowhere");

  for (const key of identityKeysOf(identities)) learn(draft, contact, key);
  if (previous !== null) {
    for (const key of identityKeysOf(previous)) {
      learn(draft, contact, key);
      draft.retiredIdentities.push(key);
    }
  }
  if (identities.userId !== null) change(draft, contact, "userId", identities.userId);
  if (identities.phone !== null) change(draft, contact, "phone", identities.phone);
  return contact;
}

/** Takes over the name or username that the update has. */
export function learnProfile(
  draft: ContactDraft,
  contact: Contact,
  profile: { name: string | null; username: string | null },
): void {
  if (profile.name !== null) change(draft, contact, "name", profile.name);
  if (profile.username !== null) change(draft, contact, "username", profile.username);
}

export function touchContact(draft: ContactDraft, contact: Contact): void {
  if (!draft.newContacts.has(contact)) draft.changedContactIds.add(contact.id);
}

function leadsTo(
  draft: ContactDraft,
  key: { kind: IdentityKind; value: string },
  userId: string | null,
  isChange: boolean,
): Contact | null {
  const contactId = draft.identities.get(identityKey(key.kind, key.value));
  const contact = contactId === undefined ? undefined : draft.contacts.get(contactId);
  if (contact === undefined) return null;
  const isAnothersPhone =
    key.kind === "phone" && !isChange && userId !== null && contact.userId !== null && contact.userId !== userId;
  return isAnothersPhone ? null : contact;
}

function create(draft: ContactDraft, createId: () => string): Contact {
  const contact: Contact = { id: createId(), userId: null, phone: null, name: null, username: null, sequence: 0 };
  draft.contacts.set(contact.id, contact);
  draft.newContacts.add(contact);
  return contact;
}

function learn(draft: ContactDraft, contact: Contact, key: { kind: IdentityKind; value: string }): void {
  const owner = draft.identities.get(identityKey(key.kind, key.value));
  if (owner === contact.id) return;
  if (owner !== undefined) {
    draft.conflicts.push({ contactId: contact.id, otherContactId: owner });
    return;
  }
  draft.identities.set(identityKey(key.kind, key.value), contact.id);
  draft.newIdentities.push({ ...key, contactId: contact.id });
}

function change(draft: ContactDraft, contact: Contact, field: "userId" | "phone" | "name" | "username", value: string) {
  if (contact[field] === value) return;
  contact[field] = value;
  touchContact(draft, contact);
}
