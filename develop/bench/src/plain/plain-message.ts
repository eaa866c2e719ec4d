import type { Transaction } from "@turno/database";
import { v7 as createId } from "uuid";
import type { PlainMessage } from "./plain-contract.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

interface Channel {
  id: string;
  groupId: string;
}

interface Conversation {
  id: string;
  contactId: string;
  sequence: number;
}

/** What never changes while it runs is read once. */
const channels = new Map<string, Channel>();

/** Makes one message take effect: contact, conversation, assignment in turn, message, events. */
export async function handleMessage(tx: Transaction, { metadata, contact, message, receivedAt }: PlainMessage) {
  const key = `msg:${message.id}`;
  const [known] = await tx`select 1 from messages where key = ${key}`;
  if (known !== undefined) return;
  const channel = channels.get(metadata.phone_number_id) ?? (await readChannel(tx, metadata.phone_number_id));
  const sentAt = new Date(Number(message.timestamp) * 1000);
  const endsAt = new Date(sentAt.getTime() + DAY_MS);
  const place = { channelId: channel.id, phoneNumberId: metadata.phone_number_id };

  const found = await findConversation(tx, message.from_user_id, channel.id);
  let conversation: Conversation;
  if (found?.id != null) {
    conversation = { ...found, id: found.id, sequence: found.sequence + 1 };
    await tx`
      update conversations set session_ends_at = ${endsAt}, sequence = ${conversation.sequence}
      where id = ${conversation.id}`;
  } else {
    const contactId = found?.contactId ?? (await createContact(tx, contact, message.from_user_id, message.from));
    conversation = await openConversation(tx, { ...place, groupId: channel.groupId, contactId, endsAt });
  }
  const ofConversation = { conversationId: conversation.id, ...place, contactId: conversation.contactId };
  const messageId = createId();
  await tx`
    insert into messages (id, key, conversation_id, contact_id, direction, kind, sent_at, received_at, payload)
    values (${messageId}, ${key}, ${conversation.id}, ${conversation.contactId}, 'in', ${message.type}, ${sentAt},
      ${receivedAt}, ${JSON.stringify(message)}::text::json)`;
  const data = { ...ofConversation, messageId, kind: message.type, sentAt, receivedAt };
  await writeEvent(
    tx,
    "message.received",
    conversation.id,
    conversation.sequence,
    place.phoneNumberId,
    data,
    messageId,
  );
}

async function readChannel(tx: Transaction, phoneNumberId: string): Promise<Channel> {
  const [channel] = await tx<Channel[]>`
    select id, group_id as "groupId" from channels where phone_number_id = ${phoneNumberId}`;
  if (channel === undefined) throw new Error("an unknown channel");
  channels.set(phoneNumberId, channel);
  return channel;
}

async function findConversation(tx: Transaction, userId: string, channelId: string) {
  const [contact] = await tx<{ contactId: string; id: string | null; sequence: number }[]>`
    select identity.contact_id as "contactId", conversation.id, conversation.sequence
    from contact_identities as identity left join lateral (
      select id, sequence from conversations
      where contact_id = identity.contact_id and channel_id = ${channelId} and state in ('queued', 'active')
      for update
    ) as conversation on true
    where identity.kind = 'user' and identity.value = ${userId}`;
  return contact;
}

async function createContact(tx: Transaction, contact: PlainMessage["contact"], userId: string, phone: string) {
  const id = createId();
  await tx`
    insert into contacts (id, user_id, phone, name, created_at)
    values (${id}, ${userId}, ${phone}, ${contact?.profile.name ?? null}, now())`;
  await tx`
    insert into contact_identities (kind, value, contact_id) values ('user', ${userId}, ${id}), ('phone', ${phone}, ${id})`;
  return id;
}

async function openConversation(
  tx: Transaction,
  of: { channelId: string; phoneNumberId: string; groupId: string; contactId: string; endsAt: Date },
): Promise<Conversation> {
  const id = createId();
  const { channelId, phoneNumberId, groupId, contactId } = of;
  const data = { conversationId: id, channelId, phoneNumberId, contactId, groupId };
  // The group's row makes turns: who comes at the same time waits here.
  const [group] = await tx<{ turn: number }[]>`
    update groups set turn = turn + 1 where id = ${groupId} returning turn`;
  const [agent] = await tx<{ id: string }[]>`
    select agent.id from group_members as member join agents as agent on agent.id = member.agent_id
    where member.group_id = ${groupId} and agent.availability = 'available'
      and (agent.capacity is null or agent.active_count < agent.capacity)
    order by member.last_turn, agent.id limit 1 for no key update of agent`;
  if (group === undefined || agent === undefined) throw new Error("no group or no agent");
  const assignmentId = createId();
  const reason = { rule: "turn", turn: group.turn, candidates: [agent.id], leftOut: [] };
  await tx`
    insert into conversations (id, channel_id, contact_id, group_id, state, agent_id, opened_at, queued_at, assigned_at,
      session_ends_at, check_at, sequence)
    values (${id}, ${channelId}, ${contactId}, ${groupId}, 'active', ${agent.id}, now(), now(), now(), ${of.endsAt},
      ${of.endsAt}, 3)`;
  await tx`
    insert into assignments (id, conversation_id, group_id, agent_id, assigned_at, reason)
    values (${assignmentId}, ${id}, ${groupId}, ${agent.id}, now(), ${JSON.stringify(reason)}::text::json)`;
  await tx`update agents set active_count = active_count + 1 where id = ${agent.id}`;
  await tx`
    update group_members set last_turn = ${group.turn} where group_id = ${groupId} and agent_id = ${agent.id}`;
  await writeEvent(tx, "conversation.opened", id, 1, phoneNumberId, data, null);
  const assigned = { ...data, assignmentId, agentId: agent.id, waitedMs: 0, reason };
  await writeEvent(tx, "conversation.assigned", id, 2, phoneNumberId, assigned, null);
  return { id, contactId, sequence: 3 };
}

async function writeEvent(
  tx: Transaction,
  type: string,
  entityId: string,
  sequence: number,
  phoneNumberId: string,
  data: object,
  messageId: string | null,
): Promise<void> {
  await tx`
    with event as (
      insert into events (id, type, entity_id, sequence, phone_number_id, message_id, occurred_at, data)
      values (${createId()}, ${type}, ${entityId}, ${sequence}, ${phoneNumberId}, ${messageId}, now(),
        ${JSON.stringify(data)}::text::json)
      returning position
    )
    insert into outbox (position, positions) select position, array[position] from event`;
}
