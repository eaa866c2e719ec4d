import {
  identityKey,
  type Closing,
  type Contact,
  type IdentityKind,
  type KnownState,
  type OpenConversation,
  type WordKind,
} from "@turno/conversation";
import { asJson, ConflictFailure, type Transaction } from "@turno/database";

/** One way by which an update may lead to a contact, and the channel that the update came over. */
export interface WantedIdentity {
  /** Its index in the list. */
  ordinal: number;
  kind: IdentityKind;
  value: string;
  phoneNumberId: string;
}

type KnownPeople = Omit<KnownState, "channels">;

/** A contact on a channel, with the conversation that is open there or else the session that the last one left behind. */
interface PersonRow extends Omit<OpenConversation, "id">, Omit<Contact, "id" | "sequence"> {
  /** The wanted identities that lead to the contact, and those of them that are retired. */
  ordinals: number[];
  retired: number[] | null;
  contactSequence: number;
  isBlocked: boolean;
  /** Whose the open conversation is now that it is locked. */
  openContactId: string | null;
  conversationId: string | null;
  /** What was said automatically in the last conversation; null where one is open, or there was none. */
  saidWords: WordKind[] | null;
  closing: (Omit<Closing, "closedAt"> & { closedAt: string }) | null;
}

/**
 * Reads the contacts that the identities lead to, with their open conversations, which it locks in the order of their
 * ids, as everywhere, so that two transactions cannot wait for each other. The identities are joined once for all that
 * hangs on them, the dearest part of a batch's look-ups; each step after it is a row by its key, because the planner
 * takes what is joined of two look-ups for a row or two and compares each with each.
 */
export async function lookUpPeople(tx: Transaction, wanted: readonly WantedIdentity[]): Promise<KnownPeople> {
  const rows = await tx<PersonRow[]>`
    with person as materialized (
      select identity.contact_id, channel.id as channel_id, channel.phone_number_id, array_agg(wanted.ordinal) as ordinals,
        array_agg(wanted.ordinal) filter (where identity.retired_at is not null) as retired
      from json_to_recordset(${asJson(wanted)}::text::json) as wanted(
        ordinal int, kind text, value text, "phoneNumberId" text)
      join contact_identities as identity using (kind, value)
      join channels as channel on channel.phone_number_id = wanted."phoneNumberId"
      group by identity.contact_id, channel.id
    )
    select person.ordinals, person.retired, contact.id as "contactId", contact.user_id as "userId",
      contact.user_id_at as "userIdAt", contact.phone, contact.phone_key as "phoneKey", contact.phone_at as "phoneAt",
      contact.name, contact.username, contact.named_at as "namedAt", contact.sequence as "contactSequence",
      contact.blocked_at is not null as "isBlocked",
      open.contact_id as "openContactId", person.channel_id as "channelId",
      person.phone_number_id as "phoneNumberId", open.id as "conversationId", open.group_id as "groupId", open.sequence,
      open.opened_at as "openedAt", open.waiting_since as "waitingSince", open.waiting_noted_at as "waitingNotedAt",
      coalesce(open.session_ends_at, last.session_ends_at) as "sessionEndsAt",
      coalesce(open.session_closed_at, last.session_closed_at) as "sessionClosedAt", last.said_words as "saidWords",
      case when last.closed_at is not null then (
        select json_build_object('conversationId', last.id, 'groupId', groups.id, 'agentId', last.agent_id,
          'closedAt', last.closed_at, 'followUpSeconds', groups.follow_up_seconds, 'ticket',
          case when last.ticket_link = 'confirmed'
            then json_build_object('ticketId', last.ticket_id, 'ticketNumber', last.ticket_number) end)
        from groups where groups.id = last.group_id and groups.follow_up_seconds > 0
      ) end as closing
    from (
      select person.*, found.id as open_id
      from person left join lateral (
        select id from conversations
        where contact_id = person.contact_id and channel_id = person.channel_id and state in ('queued', 'active')
      ) as found on true
      order by found.id
    ) as person
    join contacts as contact on contact.id = person.contact_id
    left join lateral (
      select * from conversations where id = person.open_id and state in ('queued', 'active') for update
    ) as open on true
    left join lateral (
      select * from conversations
      where contact_id = person.contact_id and channel_id = person.channel_id and open.id is null
      order by opened_at desc limit 1
    ) as last on true`;
  return toKnownPeople(rows, wanted);
}

function toKnownPeople(rows: readonly PersonRow[], wanted: readonly WantedIdentity[]): KnownPeople {
  const contacts = new Map<string, Contact>();
  const identities = new Map<string, string>();
  const retired = new Set<string>();
  const blocked = new Set<string>();
  const openConversations: OpenConversation[] = [];
  const sessions = new Map<string, { endsAt: Date | null; closedAt: Date | null; saidWords: WordKind[] }>();
  const closings = new Map<string, Closing>();
  for (const row of rows) {
    const { contactId, channelId, conversationId, openContactId } = row;
    if ((openContactId ?? contactId) !== contactId) throw new ConflictFailure("two contacts were joined meanwhile");
    contacts.set(contactId, toContact(row));
    if (row.isBlocked) blocked.add(contactId);
    for (const key of keysOf(row.ordinals, wanted)) identities.set(key, contactId);
    for (const key of keysOf(row.retired ?? [], wanted)) retired.add(key);
    const { phoneNumberId, groupId, sequence, openedAt, sessionEndsAt, sessionClosedAt, waitingSince, waitingNotedAt } =
      row;
    const place = { channelId, contactId, phoneNumberId, groupId };
    if (conversationId === null) {
      const key = `${contactId}:${channelId}`;
      sessions.set(key, { endsAt: sessionEndsAt, closedAt: sessionClosedAt, saidWords: row.saidWords ?? [] });
      if (row.closing !== null) closings.set(key, { ...row.closing, closedAt: new Date(row.closing.closedAt) });
    } else {
      const session = { sessionEndsAt, sessionClosedAt, waitingSince, waitingNotedAt };
      openConversations.push({ id: conversationId, ...place, sequence, openedAt, ...session });
    }
  }
  return { contacts, identities, retired, blocked, openConversations, sessions, closings };
}

function toContact(row: PersonRow): Contact {
  const { contactId: id, userId, userIdAt, phone, phoneKey, phoneAt, name, username, namedAt } = row;
  return { id, userId, userIdAt, phone, phoneKey, phoneAt, name, username, namedAt, sequence: row.contactSequence };
}

function keysOf(ordinals: readonly number[], wanted: readonly WantedIdentity[]): string[] {
  return ordinals.flatMap((ordinal) => {
    const identity = wanted[ordinal];
    return identity === undefined ? [] : [identityKey(identity.kind, identity.value)];
  });
}
