import { type Customer } from "../customers.ts";

/**
 * A message that Graph accepted.
 *
 * `fate`: `reached` its customer; `failed` (a status says or would say so); `vanished` (accepted, and never heard of again).
 * `wasAnswered` is false where the caller cannot know that it was accepted. `acceptedAt` in ms since the epoch.
 */
export interface SentMessage {
  wamid: string;
  /** The business number on which it was sent. */
  phoneNumberId: string;
  customer: Customer | null;
  input: string;
  type: string;
  callbackData: string | null;
  acceptedAt: number;
  fate: "reached" | "failed" | "vanished";
  wasAnswered: boolean;
}

export interface SendLedger {
  record(message: SentMessage): void;
  countRefusal(code: number): void;
  countRead(messageId: string): void;
  /** All accepted messages in their order. */
  messages(): readonly SentMessage[];
  /** How often messages with this callback data reached their customer. More than 1 is a message sent twice. */
  reachedCount(callbackData: string): number;
  /** The callback data of all that reached a customer more than once. */
  reachedTwice(): string[];
  /** How often each error code was answered. */
  refusals(): ReadonlyMap<number, number>;
  /** Ids of the messages that were marked as read, in their order. */
  reads(): readonly string[];
}

export function createSendLedger(): SendLedger {
  const messages: SentMessage[] = [];
  const reached = new Map<string, number>();
  const refusals = new Map<number, number>();
  const reads: string[] = [];
  return {
    record(message) {
      messages.push(message);
      const { callbackData, fate } = message;
      if (callbackData !== null && fate === "reached") reached.set(callbackData, (reached.get(callbackData) ?? 0) + 1);
    },
    countRefusal: (code) => void refusals.set(code, (refusals.get(code) ?? 0) + 1),
    countRead: (messageId) => void reads.push(messageId),
    messages: () => messages,
    reachedCount: (callbackData) => reached.get(callbackData) ?? 0,
    reachedTwice: () => [...reached].filter(([, count]) => count > 1).map(([callbackData]) => callbackData),
    refusals: () => refusals,
    reads: () => reads,
  };
}
