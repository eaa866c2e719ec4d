import { isRecord, plainId, type JsonRecord } from "./exact-json.ts";
import { canonicalPhone } from "./phone.ts";

/** Hands the contacts of one value to the updates that they belong to. */
export interface ValueContacts {
  /** Returns the contact of this update, or none: an update never gets somebody else's. */
  of(update: unknown): JsonRecord[];
  /** Returns the contacts that belonged to none of the updates asked about. */
  leftOver(): unknown[];
}

const NOBODY: ValueContacts = { of: () => [], leftOver: () => [] };

/** Where an update names the customer, the most telling first (group participants before the group). */
const CUSTOMER_FIELDS = [
  "from_user_id",
  "recipient_participant_user_id",
  "recipient_user_id",
  "to_user_id",
  "user_id",
  "from",
  "recipient_participant_id",
  "participant_recipient_id",
  "recipient_id",
  "to",
  "wa_id",
] as const;

/**
 * Creates the contacts of a value. `updateCount` is the number of its updates: a single contact beside a single update
 * belongs to it, whatever ids the two show.
 */
export function valueContacts(contacts: readonly unknown[], updateCount: number): ValueContacts {
  if (contacts.length === 0) return NOBODY;
  const [single] = contacts;
  if (contacts.length === 1 && updateCount === 1 && isRecord(single)) {
    return { of: () => [single], leftOver: () => [] };
  }
  const byId = new Map<string, JsonRecord>();
  for (const contact of contacts) {
    if (!isRecord(contact)) continue;
    for (const id of [contact["user_id"], contact["wa_id"]]) {
      const key = lookupKey(id);
      if (key !== null && !byId.has(key)) byId.set(key, contact);
    }
  }
  const given = new Set<unknown>();
  return {
    of(update) {
      if (!isRecord(update)) return [];
      for (const field of CUSTOMER_FIELDS) {
        const key = lookupKey(update[field]);
        const contact = key === null ? undefined : byId.get(key);
        if (contact === undefined) continue;
        given.add(contact);
        return [contact];
      }
      return [];
    },
    leftOver: () => contacts.filter((contact) => !given.has(contact)),
  };
}

/** Returns the key by which ids meet: phone numbers in canonical form, user ids, which hold letters, unchanged. */
function lookupKey(id: unknown): string | null {
  const plain = plainId(id);
  return plain === null ? null : canonicalPhone(plain);
}
