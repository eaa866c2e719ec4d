import { refuse, refuseOnConversation, type Asker, type DeliveryState, type Refusal } from "@turno/conversation";
import { isRefusal, type Sql } from "@turno/database";
import { conversationColumns, toView, type ConversationRow, type ConversationView } from "./conversation-row.ts";

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
  const [row] = await sql<ConversationRow[]>`
    select ${conversationColumns(sql)} from conversations as conversation
    join contacts as contact on contact.id = conversation.contact_id
    join channels as channel on channel.id = conversation.channel_id
    where conversation.id = ${conversationId}`;
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
  const rows = await sql<
    {
      id: string;
      direction: "in" | "out";
      kind: string;
      key: string;
      sentAt: Date;
      payload: string;
      state: DeliveryState | null;
      error: unknown;
    }[]
  >`
    select message.id, message.direction, message.kind, message.key, message.sent_at as "sentAt",
      message.payload::text as payload, send.state, send.error
    from (
      select * from messages
      where conversation_id = ${page.conversationId} and (${page.before}::uuid is null or id < ${page.before}::uuid)
      order by id desc limit ${page.limit}
    ) as message
    left join sends as send
      on send.id = case when starts_with(message.key, ${SEND_KEY})
        then substr(message.key, ${SEND_KEY.length + 1})::uuid end
    order by message.id desc`;
  const messages = rows.map(({ key, sentAt, payload, state, error, ...row }) => ({
    ...row,
    sentAt: sentAt.toISOString(),
    wamid: key.startsWith(MESSAGE_KEY) ? key.slice(MESSAGE_KEY.length) : null,
    send: state === null ? null : { id: key.slice(SEND_KEY.length), state, error },
    content: JSON.parse(payload) as unknown,
  }));
  return { messages, next: rows.length < page.limit ? null : (rows.at(-1)?.id ?? null) };
}

/** Reads what happened to a conversation, oldest first, from after `afterSequence`. */
export async function readTimeline(
  sql: Sql,
  asker: Asker,
  page: { conversationId: string; afterSequence: number; limit: number },
): Promise<{ entries: TimelineEntry[]; next: number | null } | Refusal> {
  const conversation = await readConversation(sql, asker, page.conversationId);
  if (isRefusal(conversation)) return conversation;
  const rows = await sql<(Omit<TimelineEntry, "occurredAt" | "data"> & { occurredAt: Date; data: string })[]>`
    select id, type, sequence, occurred_at as "occurredAt", data::text as data from events
    where entity_id = ${page.conversationId} and sequence > ${page.afterSequence}
    order by sequence limit ${page.limit}`;
  const entries = rows.map(({ occurredAt, data, ...row }) => ({
    ...row,
    occurredAt: occurredAt.toISOString(),
    data: JSON.parse(data) as unknown,
  }));
  return { entries, next: rows.length < page.limit ? null : (rows.at(-1)?.sequence ?? null) };
}
