import { refuse, refuseOnConversation, type Asker, type Refusal } from "@turno/conversation";
import { and, eq, expression, gt, isRefusal, typed, type Sql } from "@turno/database";
import { channels, contacts, conversations, events } from "@turno/database/schema";
import { CONVERSATION_COLUMNS, toView, type ConversationView } from "./conversation-row.ts";
import { readMessagePage, type MessageView } from "./message-rows.ts";

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

/** Reads a conversation's messages, newest first; `next` leads to older ones. */
export async function readMessages(
  sql: Sql,
  asker: Asker,
  page: { conversationId: string; before: string | null; limit: number },
): Promise<{ messages: MessageView[]; next: string | null } | Refusal> {
  const conversation = await readConversation(sql, asker, page.conversationId);
  if (isRefusal(conversation)) return conversation;
  const { conversationId, before: from, limit } = page;
  return readMessagePage(sql, { conversationId, order: "newest", from, limit });
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
