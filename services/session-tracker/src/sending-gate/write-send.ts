import type { CommandRequest } from "@turno/contracts";
import { SENDS_WAKE_UP, writeEvents, type LockedConversation, type Transaction } from "@turno/database";
import { sayMessage } from "@turno/whatsapp";
import { toGraphBody } from "./graph-body.ts";

/**
 * Writes a message that passed the gate: its row in `sends`, its place in the history, and its event. Returns its id.
 */
export async function writeSend(
  tx: Transaction,
  conversation: LockedConversation,
  request: Pick<CommandRequest<"send">, "actor" | "agentId" | "message">,
  options: {
    now: Date;
    isOpening: boolean;
    /** What it says, where its body alone does not say it. */
    text: string | null;
    createId: () => string;
  },
): Promise<string> {
  const { now, createId } = options;
  const { id: conversationId, channelId, contactId, phoneNumberId } = conversation;
  const sendId = createId();
  const messageId = createId();
  const kind = request.message.type;
  const graphBody = toGraphBody(request.message);
  const body = JSON.stringify(graphBody);
  const sequence = conversation.sequence + 1;
  await tx`
    insert into sends (id, conversation_id, channel_id, contact_id, phone_number_id, agent_id, kind, body, is_opening,
      state, due_at, created_at, changed_at)
    values (${sendId}, ${conversationId}, ${channelId}, ${contactId}, ${phoneNumberId}, ${request.agentId}, ${kind},
      ${body}::text::json, ${options.isOpening}, 'waiting', ${now}, ${now}, ${now})`;
  await tx`
    insert into messages (id, key, conversation_id, contact_id, direction, kind, sent_at, received_at, payload, text)
    values (${messageId}, ${`send:${sendId}`}, ${conversationId}, ${contactId}, 'out', ${kind}, ${now}, ${now},
      ${body}::text::json, ${options.text})`;
  await tx`update conversations set sequence = ${sequence} where id = ${conversationId}`;
  const text = options.text ?? sayMessage(kind, graphBody);
  const data = { conversationId, channelId, phoneNumberId, contactId, sendId, kind, text, actor: request.actor };
  await writeEvents(tx, [{ id: createId(), type: "message.requested", sequence, messageId, data }], now);
  await tx`select pg_notify(${SENDS_WAKE_UP}, '')`;
  return sendId;
}
