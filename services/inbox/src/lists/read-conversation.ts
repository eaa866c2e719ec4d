import { refuse, refuseOnConversation, type Asker, type DeliveryState, type Refusal } from "@turno/conversation";
import { and, desc, eq, expression, gt, inPlaceOf, isRefusal, lt, typed, type Sql } from "@turno/database";
import { channels, contacts, conversations, events, messages, sends } from "@turno/database/schema";
import { CONVERSATION_COLUMNS, toView, type ConversationView } from "./conversation-row.ts";

export interface MessageView {
  id: string;
  direction: "in" | "out";
  kind: string;
  sentAt: string;
  /** Meta's id of a customer's message, or null. */
  wamid: string | null;
  /** How far a message of ours has come, and why it failed; null for a customer's. */
  send: { id: string; state: DeliveryState; error: unknown } | null;
  /** The item as Meta sent it, or the body as Meta gets it. */
  content: unknown;
}

export interface TimelineEntry {
  id: string;
  type: string;
  sequence: number;
  occurredAt: string;
  data: unknown;
}

/** Reads a conversation, if the asker may. */
export async function readConversation(
  sql: Sql,
  asker: Asker,
  conversationId: string,
): Promise<ConversationView | Refusal> {
  const [row] = await typed(sql)
    .select(CONVERSATION_COLUMNS)
    .from(conversations)
    .innerJoin(contacts, eq(contacts.id, conversations.contactId))
    .innerJoin(channels, eq(channels.id, conversations.channelId))
    .where(eq(conversations.id, conversationId));
  if (row === undefined) return refuse("not-found", `There is no conversation ${conversationId}.`);
  return refuseOnConversation(asker, "read", row) ?? toView(row, asker);
}

const MESSAGE_KEY = "msg:";
const SEND_KEY = "send:";

/** Reads a conversation's messages, newest first; `next` leads to older ones. */
export async function readMessages(
  sql: Sql,
  asker: Asker,
  page: { conversationId: string; before: string | null; limit: number },
): Promise<{ messages: MessageView[]; next: string | null } | Refusal> {
  const conversation = await readConversation(sql, asker, page.conversationId);
  if (isRefusal(conversation)) return conversation;
  const { conversationId, before, limit } = page;
  const ofPage = typed(sql)
    .select()
    .from(messages)
    .where(and(eq(messages.conversationId, conversationId), before === null ? undefined : lt(messages.id, before)))
    .orderBy(desc(messages.id))
    .limit(limit);
  const sendId = expression`case when starts_with(${messages.key}, ${SEND_KEY})
    then substr(${messages.key}, ${SEND_KEY.length + 1})::uuid end`;
  const rows = await typed(sql)
    .select({
      id: messages.id,
      direction: messages.direction,
      kind: messages.kind,
      key: messages.key,
      sentAt: messages.sentAt,
      payload: expression<string>`${messages.payload}::text`,
      state: sends.state,
      error: sends.error,
    })
    .from(inPlaceOf(messages, ofPage))
    .leftJoin(sends, eq(sends.id, sendId))
    .orderBy(desc(messages.id));
  const views = rows.map(({ key, sentAt, payload, state, error, ...row }) => ({
    ...row,
    sentAt: sentAt.toISOString(),
    wamid: key.startsWith(MESSAGE_KEY) ? key.slice(MESSAGE_KEY.length) : null,
    send: state === null ? null : { id: key.slice(SEND_KEY.length), state, error },
    content: JSON.parse(payload) as unknown,
  }));
  return { messages: views, next: rows.length < limit ? null : (rows.at(-1)?.id ?? null) };
}

/** Reads what happened to a conversation, oldest first, from after `afterSequence`. */
export async function readTimeline(
  sql: Sql,
  asker: Asker,
  page: { conversationId: string; afterSequence: number; limit: number },
): Promise<{ entries: TimelineEntry[]; next: number | null } | Refusal> {
  const conversation = await readConversation(sql, asker, page.conversationId);
  if (isRefusal(conversation)) return conversation;
  const { id, type, sequence, occurredAt: at } = events;
  const rows = await typed(sql)
    .select({ id, type, sequence, occurredAt: at, data: expression<string>`${events.data}::text` })
    .from(events)
    .where(and(eq(events.entityId, page.conversationId), gt(sequence, page.afterSequence)))
    .orderBy(sequence)
    .limit(page.limit);
  const entries = rows.map(({ occurredAt, data, ...row }) => ({
    ...row,
    occurredAt: occurredAt.toISOString(),
    data: JSON.parse(data) as unknown,
  }));
  return { entries, next: rows.length < page.limit ? null : (rows.at(-1)?.sequence ?? null) };
}
