import type { LockedSend } from "./locked-send.ts";
import type { Settlement } from "./settled.ts";
import { addEvent, currentSend } from "./settlement.ts";

/** What Meta says became of a payment that a message of ours asked for. It says nothing of the message's delivery. */
export interface PaymentReport {
  /** The update's dedupe key. */
  key: string;
  /** Meta's word, an open set: `captured`, `pending`, `failed`. */
  status: string;
  /** Meta's timestamp. */
  at: Date;
  receivedAt: Date;
  /** The update's JSON text, kept as it is. */
  content: string;
}

/** Notes a payment's report in the conversation of the message that asked for it. The caller knows that it is new. */
export function notePayment(
  settlement: Settlement,
  send: LockedSend,
  { key, status, at, receivedAt, content }: PaymentReport,
  { createId }: { createId: () => string },
): void {
  const messageId = createId();
  const { conversationId, contactId } = send;
  settlement.payments.push({ id: messageId, key, conversationId, contactId, sentAt: at, receivedAt, payload: content });
  const { wamid } = currentSend(settlement, send);
  addEvent(settlement, send, { createId }, (place) => ({
    type: "payment.reported",
    messageId,
    data: { ...place, messageId, wamid, status, changedAt: at.toISOString() },
  }));
}
