import type { CommandRequest } from "@turno/contracts";
import type { WordKind } from "@turno/conversation";
import { asJson, SENDS_WAKE_UP, writeEvents, type LockedConversation, type Transaction } from "@turno/database";
import { sayMessage } from "@turno/whatsapp";
import { toGraphBody } from "./graph-body.ts";

/** A message that passed the gate. */
export interface PassedMessage extends Pick<CommandRequest<"send">, "message" | "actor"> {
  /** Locked; `sequence` is that of its last event. */
  conversation: Pick<LockedConversation, "id" | "channelId" | "contactId" | "phoneNumberId" | "sequence">;
  agentId: string | null;
  isOpening: boolean;
  /** What it says, where its body alone does not say it. */
  text: string | null;
  /** Set where no person and no program asked for it. */
  automatic?: WordKind;
}

/**
 * Writes a message that passed the gate: its row in `sends`, its place in the history, and its event. Returns its id.
 */
export async function writeSend(
  tx: Transaction,
  conversation: LockedConversation,
  request: Pick<CommandRequest<"send">, "actor" | "agentId" | "message">,
  options: { now: Date; isOpening: boolean; text: string | null; createId: () => string },
): Promise<string> {
  const { isOpening, text, now, createId } = options;
  const { message, actor, agentId } = request;
  const [sendId] = await writeSends(tx, [{ conversation, message, actor, agentId, isOpening, text }], now, createId);
  if (sendId === undefined) throw new Error("a message that was written has no id");
  return sendId;
}

/** Does the same for messages of different conversations, in a statement for each table. Returns their ids. */
export async function writeSends(
  tx: Transaction,
  messages: readonly PassedMessage[],
  now: Date,
  createId: () => string,
): Promise<string[]> {
  if (messages.length === 0) return [];
  const rows = messages.map(({ conversation, message, actor, agentId, isOpening, text, automatic }) => {
    const { id: conversationId, channelId, contactId, phoneNumberId } = conversation;
    const place = { conversationId, channelId, contactId, phoneNumberId };
    const [sendId, messageId] = [createId(), createId()];
    const body = toGraphBody(message);
    const said = { sendId, messageId, kind: message.type, body: JSON.stringify(body), text, automatic };
    return { ...place, ...said, agentId, isOpening, actor, sequence: conversation.sequence + 1, graphBody: body };
  });
  const json = asJson(rows);
  const written = tx`
    json_to_recordset(${json}::text::json) as message("conversationId" uuid, "channelId" uuid, "contactId" uuid,
      "phoneNumberId" text, "sendId" uuid, "messageId" uuid, kind text, body text, text text, automatic text,
      "agentId" uuid, "isOpening" boolean, sequence int)`;
  await tx`
    insert into sends (id, conversation_id, channel_id, contact_id, phone_number_id, agent_id, kind, automatic, body,
      is_opening, state, due_at, created_at, changed_at)
    select "sendId", "conversationId", "channelId", "contactId", "phoneNumberId", "agentId", kind, automatic, body::json,
      "isOpening", 'waiting', ${now}, ${now}, ${now}
    from ${written}`;
  await tx`
    insert into messages (id, key, conversation_id, contact_id, direction, kind, sent_at, received_at, payload, text)
    select "messageId", 'send:' || "sendId", "conversationId", "contactId", 'out', kind, ${now}, ${now}, body::json, text
    from ${written}`;
  await tx`
    update conversations set sequence = message.sequence from ${written} where conversations.id = message."conversationId"`;
  const events = rows.map((row) => {
    const { conversationId, channelId, contactId, phoneNumberId, sendId, kind, actor, automatic } = row;
    const text = row.text ?? sayMessage(kind, row.graphBody);
    const place = { conversationId, channelId, phoneNumberId, contactId };
    const data = { ...place, sendId, kind, text, actor, ...(automatic !== undefined && { automatic }) };
    const { sequence, messageId } = row;
    return { id: createId(), type: "message.requested" as const, sequence, messageId, data };
  });
  await writeEvents(tx, events, now);
  await tx`select pg_notify(${SENDS_WAKE_UP}, '')`;
  return rows.map(({ sendId }) => sendId);
}
