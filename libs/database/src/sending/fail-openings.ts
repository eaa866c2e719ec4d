import type { Transaction } from "../connection.ts";
import type { LockedSend } from "./lock-sends.ts";
import { addEvent, changeConversation, type Settlement } from "./settlement.ts";

/**
 * Ends the conversations whose opening template Meta refused, now or later, so that none stays as a ghost and the expired
 * one can be used again. One into which the customer has written stays; so does one in which another template still
 * stands: that one takes over as its opening.
 */
export async function failOpenings(tx: Transaction, settlement: Settlement, createId: () => string): Promise<void> {
  if (settlement.failedOpenings.length === 0) return;
  const heirs = await readHeirs(tx, settlement.failedOpenings);
  const handedOver: string[] = [];
  for (const send of settlement.failedOpenings) {
    const conversation = settlement.conversations.get(send.conversationId);
    if (conversation === undefined) throw new Error("the conversation of a message is not locked");
    const { continuesConversationId, state, sessionEndsAt } = conversation;
    const isOver = state === "closed" || state === "failed";
    if (isOver || sessionEndsAt !== null || continuesConversationId === null) continue;
    const heirId = heirs.get(send.conversationId)?.find((id) => settlement.sends.get(id)?.state !== "failed");
    if (heirId !== undefined) {
      handedOver.push(heirId);
      continue;
    }
    addEvent(settlement, send, "conversation.failed", { continuesConversationId }, { createId });
    changeConversation(settlement, send.conversationId, (open) => ({ ...open, state: "failed" }));
  }
  if (handedOver.length > 0) await tx`update sends set is_opening = true where id = any(${handedOver}::uuid[])`;
}

/** Other templates of the conversations that have not failed, oldest first. */
async function readHeirs(tx: Transaction, failed: readonly LockedSend[]): Promise<Map<string, string[]>> {
  const rows = await tx<{ conversationId: string; ids: string[] }[]>`
    select conversation_id as "conversationId", array_agg(id order by ordinal) as ids from sends
    where conversation_id = any(${failed.map(({ conversationId }) => conversationId)}::uuid[])
      and kind = 'template' and state <> 'failed' and id <> all(${failed.map(({ id }) => id)}::uuid[])
    group by conversation_id`;
  return new Map(rows.map(({ conversationId, ids }) => [conversationId, ids]));
}
