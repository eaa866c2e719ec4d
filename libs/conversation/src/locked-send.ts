import type { DeliveryState } from "./delivery.ts";

/** A message to a customer, with its row locked. */
export interface LockedSend {
  id: string;
  conversationId: string;
  channelId: string;
  contactId: string;
  phoneNumberId: string;
  accountId: string | null;
  /** Names the access token that the channel or its account has of its own, or null. */
  tokenKey: string | null;
  /** False if nobody configured the channel, or somebody removed it. */
  hasChannel: boolean;
  kind: string;
  isOpening: boolean;
  /** Whether it is the last message that tried an open circuit. */
  isTry: boolean;
  state: DeliveryState;
  attempt: number;
  wamid: string | null;
  isHeld: boolean;
  createdAt: Date;
  changedAt: Date;
  /** Why it failed, or why it still waits. */
  error: { code: number | null; class: string; message: string } | null;
  /** The body of a template; null for any other message. */
  template: Record<string, unknown> | null;
}

/** The conversation of a message, with its row locked. */
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

/** Messages with their conversations, and an instant at which the locks were held. */
export interface LockedSends {
  now: Date;
  sends: LockedSend[];
  conversations: Map<string, LockedConversationOfSend>;
}
