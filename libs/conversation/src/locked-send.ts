import type { DeliveryState } from "./delivery.ts";

/** A message to a customer, its row locked by who settles it. */
export interface LockedSend {
  id: string;
  conversationId: string;
  channelId: string;
  contactId: string;
  phoneNumberId: string;
  accountId: string | null;
  /** False where nobody configured the channel, or somebody removed it. */
  hasChannel: boolean;
  kind: string;
  isOpening: boolean;
  /** Whether it is the last message that tried an open circuit. */
  isTry: boolean;
  state: DeliveryState;
  attempt: number;
  wamid: string | null;
  createdAt: Date;
  changedAt: Date;
  /** Why it failed, or why it still waits. */
  error: { code: number | null; class: string; message: string } | null;
  /** The body of a template, null of everything else. */
  template: Record<string, unknown> | null;
}

/** The conversation of a message, its row locked. */
export interface LockedConversationOfSend {
  id: string;
  state: "queued" | "active" | "expired" | "closed" | "failed";
  agentId: string | null;
  groupId: string;
  sequence: number;
  sessionEndsAt: Date | null;
  sessionClosedAt: Date | null;
  continuesConversationId: string | null;
}

/** Messages with their conversations, and an instant at which they were locked. */
export interface LockedSends {
  now: Date;
  sends: LockedSend[];
  conversations: Map<string, LockedConversationOfSend>;
}
