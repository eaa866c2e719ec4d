import { createInstantText, type InboundEffects } from "@turno/conversation";
import { asJson, asLines, ConflictFailure, writeEvents, type EventMemory, type Transaction } from "@turno/database";

/** Writes what a batch of updates did, but for the conversations it opens: one statement a table, in one round trip. */
export async function writeEffects(
  tx: Transaction,
  effects: InboundEffects,
  now: Date,
  memory: EventMemory | undefined,
): Promise<void> {
  await Promise.all([
    insertContacts(tx, effects.newContacts, now),
    updateContacts(tx, effects),
    noteMarketingChoices(tx, effects.marketingChoices),
    insertIdentities(tx, effects, now),
    updateConversations(tx, effects.touchedConversations),
    insertMessages(tx, effects.messages),
    writeEvents(tx, effects.events, now, memory && { events: memory, contentOf: payloadsOf(effects.messages) }),
  ]);
}

function payloadsOf(messages: InboundEffects["messages"]): (messageId: string) => string {
  const payloads = new Map(messages.map(({ id, payload }) => [id, payload]));
  return (messageId) => payloads.get(messageId) ?? "null";
}

async function insertContacts(tx: Transaction, contacts: InboundEffects["newContacts"], now: Date) {
  if (contacts.length === 0) return;
  await tx`
    insert into contacts (id, user_id, user_id_at, phone, phone_key, phone_at, name, username, named_at, sequence, created_at)
    select id, "userId", "userIdAt", phone, "phoneKey", "phoneAt", name, username, "namedAt", sequence, ${now}
    from ${contactRows(tx, contacts)}`;
}

/** Nobody else may have changed them since they were read: what they are now was decided by what they were. */
async function updateContacts(tx: Transaction, { changedContacts: contacts, events }: InboundEffects) {
  if (contacts.length === 0) return;
  const happened = Map.groupBy(events, ({ type, data }) => (type === "contact.renumbered" ? data.contactId : null));
  const before = contacts.map(({ id, sequence }) => ({ id, sequence: sequence - (happened.get(id)?.length ?? 0) }));
  const updated = await tx`
    update contacts set user_id = contact."userId", user_id_at = contact."userIdAt", phone = contact.phone,
      phone_key = contact."phoneKey", phone_at = contact."phoneAt", name = contact.name, username = contact.username,
      named_at = contact."namedAt", sequence = contact.sequence
    from ${contactRows(tx, contacts)}
    join json_to_recordset(${asJson(before)}::text::json) as before(id uuid, sequence int) using (id)
    where contacts.id = contact.id and contacts.joined_into_id is null and contacts.sequence = before.sequence`;
  if (updated.count !== contacts.length) throw new ConflictFailure("a contact changed meanwhile");
}

function contactRows(tx: Transaction, contacts: InboundEffects["changedContacts"]) {
  // The three instants of a contact that just wrote are one.
  const textOf = createInstantText();
  const orNull = (instant: Date | null) => instant && textOf(instant);
  const rows = contacts.map(({ userIdAt, phoneAt, namedAt, ...contact }) => {
    return { ...contact, userIdAt: orNull(userIdAt), phoneAt: orNull(phoneAt), namedAt: orNull(namedAt) };
  });
  return tx`
    json_to_recordset(${asJson(rows)}::text::json) as contact(
      id uuid, "userId" text, "userIdAt" timestamptz, phone text, "phoneKey" text, "phoneAt" timestamptz, name text,
      username text, "namedAt" timestamptz, sequence int)`;
}

/** It may be of a contact that the same transaction writes: statements of one connection run in their order. */
async function noteMarketingChoices(tx: Transaction, choices: InboundEffects["marketingChoices"]) {
  if (choices.length === 0) return;
  await tx`
    update contacts set marketing_is_stopped = choice."isStopped", marketing_said_at = choice."saidAt"
    from json_to_recordset(${asJson(choices)}::text::json) as choice(
      "contactId" uuid, "isStopped" boolean, "saidAt" timestamptz)
    where contacts.id = choice."contactId"
      and (contacts.marketing_said_at is null or contacts.marketing_said_at <= choice."saidAt")`;
}

async function insertIdentities(tx: Transaction, effects: InboundEffects, now: Date) {
  const { newIdentities, movedIdentities, retirements, conflicts } = effects;
  if (newIdentities.length > 0) {
    await tx`
      insert into contact_identities (kind, value, contact_id)
      select kind, value, "contactId"
      from json_to_recordset(${asJson(newIdentities)}::text::json) as identity(kind text, value text, "contactId" uuid)`;
  }
  if (movedIdentities.length > 0) {
    await tx`
      update contact_identities as identity set contact_id = moved."contactId", retired_at = null
      from json_to_recordset(${asJson(movedIdentities)}::text::json) as moved(kind text, value text, "contactId" uuid)
      where identity.kind = moved.kind and identity.value = moved.value`;
  }
  if (retirements.length > 0) {
    await tx`
      update contact_identities as identity set retired_at = case when "isRetired" then ${now}::timestamptz end
      from json_to_recordset(${asJson(retirements)}::text::json) as retirement(kind text, value text, "isRetired" boolean)
      where identity.kind = retirement.kind and identity.value = retirement.value`;
  }
  if (conflicts.length > 0) {
    await tx`
      insert into contact_conflicts (contact_id, other_contact_id, noticed_at)
      select distinct "contactId", "otherContactId", ${now}::timestamptz
      from json_to_recordset(${asJson(conflicts)}::text::json) as conflict("contactId" uuid, "otherContactId" uuid)
      on conflict do nothing`;
  }
}

async function updateConversations(tx: Transaction, conversations: InboundEffects["touchedConversations"]) {
  if (conversations.length === 0) return;
  const rows = conversations.map(({ id, sessionEndsAt, waitingSince, waitingNotedAt, sequence }) => {
    return { id, sessionEndsAt, waitingSince, waitingNotedAt, sequence };
  });
  const updated = await tx`
    update conversations set session_ends_at = touched."sessionEndsAt", waiting_since = touched."waitingSince",
      waiting_noted_at = touched."waitingNotedAt",
      lapsed_agent_ids = case when touched."waitingSince" is null then '{}' else lapsed_agent_ids end,
      sequence = touched.sequence
    from json_to_recordset(${asJson(rows)}::text::json) as touched(
      id uuid, "sessionEndsAt" timestamptz, "waitingSince" timestamptz, "waitingNotedAt" timestamptz, sequence int)
    where conversations.id = touched.id`;
  if (updated.count !== conversations.length) {
    throw new ConflictFailure(`${conversations.length - updated.count} conversations are gone`);
  }
}

async function insertMessages(tx: Transaction, messages: InboundEffects["messages"]) {
  if (messages.length === 0) return;
  const textOf = createInstantText();
  const rows = messages.map(({ id, key, conversationId, contactId, direction, kind, sentAt, receivedAt }) => ({
    id,
    key,
    conversationId,
    contactId,
    direction,
    kind,
    sentAt: textOf(sentAt),
    receivedAt: textOf(receivedAt),
  }));
  await tx`
    insert into messages (id, key, conversation_id, contact_id, direction, kind, sent_at, received_at, payload)
    select id, key, "conversationId", "contactId", direction, kind, "sentAt", "receivedAt", payload::json
    from rows from (
      json_to_recordset(${asJson(rows)}::text::json) as (
        id uuid, key text, "conversationId" uuid, "contactId" uuid, direction text, kind text, "sentAt" timestamptz,
        "receivedAt" timestamptz),
      turno_lines(${asLines(messages.map(({ payload }) => payload))})
    ) as message(
      id, key, "conversationId", "contactId", direction, kind, "sentAt", "receivedAt", payload)`;
}
