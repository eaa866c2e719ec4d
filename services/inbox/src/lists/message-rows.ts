import type { DeliveryState, WordKind } from "@turno/conversation";
import { and, desc, eq, expression, inPlaceOf, typed, type Sql } from "@turno/database";
import { agents, messages, sends } from "@turno/database/schema";
import { sayMessage } from "@turno/whatsapp";
import {
  applyChanges,
  changedBy,
  listPresent,
  MESSAGE_KEY,
  readChanges,
  type MessageChanges,
} from "./message-changes.ts";

export interface MessageView extends MessageChanges {
  id: string;
  direction: "in" | "out";
  kind: string;
  sentAt: string;
  /** Meta's id of a customer's message, or null. */
  wamid: string | null;
  /** Who sent a message of ours, how far it has come, and why it failed; null for a customer's. */
  send: {
    id: string;
    state: DeliveryState | typeof HELD;
    error: unknown;
    agentName: string | null;
    /** Which of its group's automatic words it is; null where somebody asked for it. */
    automatic: WordKind | null;
  } | null;
  /** What it says, as a person reads it: after the last edit. */
  text: string;
  /** The item as Meta sent it, or the body as Meta gets it. */
  content: unknown;
}

/** A page of a conversation's messages by Meta's time: newest first from before one, or oldest first from after one. */
export interface MessagePage {
  conversationId: string;
  order: "newest" | "oldest";
  /** The message before or after which the page begins; null for the first page. */
  from: string | null;
  limit: number;
}

const SEND_KEY = "send:";
/** Meta has it and does not send it on yet. */
const HELD = "held" as const;

/**
 * Reads a page of messages, with what became of each; `next` is where the next page begins. An edit or a deletion is shown
 * at the message that it changes, and is no message of its own where that one is in the conversation.
 */
export async function readMessagePage(
  sql: Sql,
  page: MessagePage,
): Promise<{ messages: MessageView[]; next: string | null }> {
  const rows = await readRows(sql, page);
  const said = rows.map(({ payload, ...row }) => ({ ...row, content: JSON.parse(payload) as unknown }));
  const contactIds = new Set(rows.flatMap(({ contactId }) => contactId ?? []));
  const changed = said.flatMap(({ kind, content }) => changedBy(kind, content) ?? []);
  const [changes, present] = await Promise.all([
    readChanges(sql, [...contactIds]),
    listPresent(sql, page.conversationId, changed),
  ]);
  const byWamid = Map.groupBy(changes, ({ wamid }) => wamid);
  const views = said.flatMap(({ id, direction, kind, key, sentAt, text, content, ...send }) => {
    if (present.has(changedBy(kind, content) ?? "")) return [];
    const { error, agentName, automatic } = send;
    const state = send.isHeld === true && send.state === "accepted" ? HELD : send.state;
    const wamid = key.startsWith(MESSAGE_KEY) ? key.slice(MESSAGE_KEY.length) : null;
    return {
      id,
      direction,
      kind,
      content,
      ...applyChanges(text ?? sayMessage(kind, content), byWamid.get(wamid ?? "") ?? []),
      sentAt: sentAt.toISOString(),
      wamid,
      send: state === null ? null : { id: key.slice(SEND_KEY.length), state, error, agentName, automatic },
    };
  });
  return { messages: views, next: rows.length < page.limit ? null : (rows.at(-1)?.id ?? null) };
}

function readRows(sql: Sql, { conversationId, order, from, limit }: MessagePage) {
  const place = expression`(${messages.sentAt}, ${messages.id})`;
  const start = expression`(select start.sent_at, start.id from messages as start where start.id = ${from})`;
  const [ordered, beyond] =
    order === "newest"
      ? [[desc(messages.sentAt), desc(messages.id)], expression`${place} < ${start}`]
      : [[messages.sentAt, messages.id], expression`${place} > ${start}`];
  const ofPage = typed(sql)
    .select()
    .from(messages)
    .where(and(eq(messages.conversationId, conversationId), from === null ? undefined : beyond))
    .orderBy(...ordered)
    .limit(limit);
  const sendId = expression`case when starts_with(${messages.key}, ${SEND_KEY})
    then substr(${messages.key}, ${SEND_KEY.length + 1})::uuid end`;
  return typed(sql)
    .select({
      id: messages.id,
      direction: messages.direction,
      kind: messages.kind,
      key: messages.key,
      contactId: messages.contactId,
      sentAt: messages.sentAt,
      payload: expression<string>`${messages.payload}::text`,
      text: messages.text,
      state: sends.state,
      isHeld: sends.isHeld,
      error: sends.error,
      agentName: agents.name,
      automatic: sends.automatic,
    })
    .from(inPlaceOf(messages, ofPage))
    .leftJoin(sends, eq(sends.id, sendId))
    .leftJoin(agents, eq(agents.id, sends.agentId))
    .orderBy(...ordered);
}
