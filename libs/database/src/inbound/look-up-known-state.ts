import {
  identityKey,
  identityKeysOf,
  type Channel,
  type Contact,
  type Identities,
  type IdentityKind,
  type KnownState,
  type OpenConversation,
  type Session,
} from "@turno/conversation";
import type { Transaction } from "../connection.ts";
import { asJson } from "../rows.ts";

export interface Lookup {
  key: string;
  phoneNumberId: string;
  identities: Identities[];
}

export interface LookedUp {
  now: Date;
  /** Dedupe keys that took effect, or were set aside, before. */
  knownKeys: Set<string>;
  channels: Map<string, Channel>;
  known: KnownState;
}

/**
 * Reads all that a batch of updates needs, in one round trip, and locks the open conversations it may change.
 * Rows are locked in the order of their ids, as everywhere, so that two transactions cannot wait for each other.
 */
export async function lookUpKnownState(tx: Transaction, lookups: readonly Lookup[]): Promise<LookedUp> {
  const keys = asJson(lookups.map(({ key }) => ({ key })));
  const phoneNumbers = asJson(
    [...new Set(lookups.map(({ phoneNumberId }) => phoneNumberId))].map((value) => ({ value })),
  );
  const identities = asJson(uniqueIdentities(lookups));
  const [clock, knownKeys, channels, contacts, conversations, sessions] = await Promise.all([
    tx<{ now: Date }[]>`select turno_now() as now`,
    tx<{ key: string }[]>`
      select message.key from json_to_recordset(${keys}::text::json) as wanted(key text) join messages as message using (key)
      union all
      select letter.key from json_to_recordset(${keys}::text::json) as wanted(key text) join dead_letters as letter using (key)`,
    tx<Channel[]>`
      select id, phone_number_id as "phoneNumberId", group_id as "groupId"
      from channels join json_to_recordset(${phoneNumbers}::text::json) as wanted(value text)
        on channels.phone_number_id = wanted.value`,
    tx<(Contact & { kind: IdentityKind; value: string })[]>`
      select identity.kind, identity.value, contact.id, contact.user_id as "userId", contact.phone, contact.name,
        contact.username, contact.sequence
      from json_to_recordset(${identities}::text::json) as wanted(kind text, value text)
      join contact_identities as identity using (kind, value)
      join contacts as contact on contact.id = identity.contact_id`,
    tx<OpenConversation[]>`
      select conversation.id, conversation.channel_id as "channelId", conversation.contact_id as "contactId",
        channel.phone_number_id as "phoneNumberId", conversation.group_id as "groupId", conversation.sequence,
        conversation.opened_at as "openedAt", conversation.session_ends_at as "sessionEndsAt",
        conversation.session_closed_at as "sessionClosedAt"
      from conversations as conversation join channels as channel on channel.id = conversation.channel_id
      where conversation.state in ('queued', 'active') and conversation.contact_id in (
        select identity.contact_id from json_to_recordset(${identities}::text::json) as wanted(kind text, value text)
        join contact_identities as identity using (kind, value))
      order by conversation.id
      for update of conversation`,
    tx<(Session & { contactId: string; channelId: string })[]>`
      select distinct on (conversation.contact_id, conversation.channel_id) conversation.contact_id as "contactId",
        conversation.channel_id as "channelId", conversation.session_ends_at as "endsAt",
        conversation.session_closed_at as "closedAt"
      from json_to_recordset(${identities}::text::json) as wanted(kind text, value text)
      join contact_identities as identity using (kind, value)
      join conversations as conversation on conversation.contact_id = identity.contact_id
      where conversation.state not in ('queued', 'active')
      order by conversation.contact_id, conversation.channel_id, conversation.opened_at desc`,
  ]);
  const now = clock[0]?.now;
  if (now === undefined) throw new Error("turno_now() returned no row");
  return {
    now,
    knownKeys: new Set(knownKeys.map(({ key }) => key)),
    channels: new Map(channels.map((channel) => [channel.phoneNumberId, channel])),
    known: {
      ...indexContacts(contacts),
      openConversations: conversations,
      sessions: new Map(sessions.map((session) => [`${session.contactId}:${session.channelId}`, session])),
    },
  };
}

function uniqueIdentities(lookups: readonly Lookup[]): { kind: IdentityKind; value: string }[] {
  const unique = new Map<string, { kind: IdentityKind; value: string }>();
  for (const lookup of lookups) {
    for (const key of lookup.identities.flatMap(identityKeysOf)) unique.set(identityKey(key.kind, key.value), key);
  }
  return [...unique.values()];
}

function indexContacts(
  rows: readonly (Contact & { kind: IdentityKind; value: string })[],
): Pick<KnownState, "contacts" | "identities"> {
  const contacts = new Map<string, Contact>();
  const identities = new Map<string, string>();
  for (const { kind, value, ...contact } of rows) {
    if (!contacts.has(contact.id)) contacts.set(contact.id, contact);
    identities.set(identityKey(kind, value), contact.id);
  }
  return { contacts, identities };
}
