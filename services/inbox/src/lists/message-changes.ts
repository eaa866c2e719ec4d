import { and, desc, eq, expression, inArray, typed, type Sql } from "@turno/database";
import { messages } from "@turno/database/schema";
import { sayMessage } from "@turno/whatsapp";

/** How the key of a customer's message begins; Meta's id follows. */
export const MESSAGE_KEY = "msg:";

/** What a customer made of a message that Meta had delivered. */
export interface MessageChanges {
  /** When it was last edited, by Meta's time, or null. */
  editedAt: string | null;
  /** What it said at first, where it was edited. */
  originalText: string | null;
  /** When the customer deleted it, or null. What it said stays. */
  deletedAt: string | null;
}

/** An edit or a deletion, which came as a message of its own. */
export interface MessageChange {
  kind: string;
  /** Meta's id of the message that it changes. */
  wamid: string;
  sentAt: Date;
  /** What the message says from then on; null where it is deleted. */
  text: string | null;
}

/** Returns Meta's id of the message that another one changes; null where it changes none. */
export function changedBy(kind: string, content: unknown): string | null {
  if (kind !== "edit" && kind !== "revoke") return null;
  const id = (content as Partial<Record<string, { original_message_id?: unknown } | null>> | null)?.[kind]
    ?.original_message_id;
  return typeof id === "string" ? id : null;
}

/** Somebody who edits more than that is shown the first words of the oldest. */
const CHANGES_MAX = 1_000;

/**
 * Reads what contacts changed, oldest change first. A change may have come after its conversation was over, and before the
 * message. It is read as text: the database cannot look into JSON in which a customer wrote U+0000.
 */
export async function readChanges(sql: Sql, contactIds: readonly string[]): Promise<MessageChange[]> {
  if (contactIds.length === 0) return [];
  const rows = await typed(sql)
    .select({ kind: messages.kind, sentAt: messages.sentAt, payload: expression<string>`${messages.payload}::text` })
    .from(messages)
    .where(and(inArray(messages.contactId, [...contactIds]), expression`${messages.kind} in ('edit', 'revoke')`))
    .orderBy(desc(messages.sentAt), desc(messages.id))
    .limit(CHANGES_MAX);
  return rows.toReversed().flatMap(({ kind, sentAt, payload }) => {
    const content: unknown = JSON.parse(payload);
    const wamid = changedBy(kind, content);
    return wamid === null ? [] : { kind, wamid, sentAt, text: sayEdited(content) };
  });
}

/** Returns what a message says after an edit; null of a deletion, or of an edit that does not say. */
function sayEdited(content: unknown): string | null {
  const message = (content as { edit?: { message?: { type?: unknown } } } | null)?.edit?.message;
  return typeof message?.type === "string" ? sayMessage(message.type, message) : null;
}

/** Returns a message's words and marks after all that was done to it. A message that was deleted keeps its last words. */
export function applyChanges(text: string, changes: readonly MessageChange[]): MessageChanges & { text: string } {
  const edit = changes.findLast(({ text: edited }) => edited !== null);
  const revoke = changes.find(({ kind }) => kind === "revoke");
  return {
    text: edit?.text ?? text,
    editedAt: edit?.sentAt.toISOString() ?? null,
    originalText: edit === undefined ? null : text,
    deletedAt: revoke?.sentAt.toISOString() ?? null,
  };
}

/** Returns those of Meta's ids whose messages are in a conversation: what changes them is shown there. */
export async function listPresent(sql: Sql, conversationId: string, wamids: readonly string[]): Promise<Set<string>> {
  if (wamids.length === 0) return new Set();
  const keys = wamids.map((wamid) => `${MESSAGE_KEY}${wamid}`);
  const rows = await typed(sql)
    .select({ key: messages.key })
    .from(messages)
    .where(and(inArray(messages.key, keys), eq(messages.conversationId, conversationId)));
  return new Set(rows.map(({ key }) => key.slice(MESSAGE_KEY.length)));
}
