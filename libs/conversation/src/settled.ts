import type { CircuitScope, TryWaits } from "./circuit.ts";
import type { DeliveryReport, DeliveryState } from "./delivery.ts";
import type { LockedConversationOfSend, LockedSend } from "./locked-send.ts";
import type { PlaceOfEvent } from "./inbound-effects.ts";

/** Why a message failed, for people. `code` is Meta's, or null if Meta was never asked. */
export interface SendError {
  code: number | null;
  class: string;
  message: string;
}

/** A failure, and what else follows from it. */
export interface SendFailure extends SendError {
  /** Meta says that the customer's session is over. */
  closesSession: boolean;
  /** Meta says that the customer wants no marketing messages. */
  stopsMarketing: boolean;
  /** The status in which the template is from now on, or null. */
  templateStatus: string | null;
  stop: StopCause | null;
}

/** Of a failure from which nothing else follows. */
export const NOTHING_FOLLOWS = {
  closesSession: false,
  stopsMarketing: false,
  templateStatus: null,
  stop: null,
} as const satisfies Partial<SendFailure>;

/** A cause that stops all sending of a token, an account or a number, or of an account's templates. */
export interface StopCause {
  scope: CircuitScope;
  code: number;
  reason: string;
}

export interface ChangedSend {
  id: string;
  state: DeliveryState;
  wamid: string | null;
  error: SendError | null;
  pricing: object | null;
  /** Whether Meta took it and holds it back to assess its quality. It may still be sent or dropped. */
  isHeld: boolean;
  /** In how many milliseconds it is due, or null: unchanged. */
  dueInMs: number | null;
  changedAt: Date;
}

export interface ChangedTemplate {
  accountId: string;
  name: string;
  language: string;
  status: string;
}

export interface OpenedCircuit extends StopCause {
  key: string;
  /** When Meta refused, or when the call that it refused was leased. */
  openedAt: Date;
  /** The message that met the refusal. */
  sendId: string;
}

/** Which message an event is about. */
export interface SendEventData extends PlaceOfEvent {
  sendId: string;
}

interface StatusEventData extends SendEventData {
  wamid: string | null;
  changedAt: string;
}

/** What happened to a message. `libs/contracts` says the same of its data, and the compiler compares them. */
export type SendHappened =
  | {
      type: `message.${Exclude<DeliveryReport, "failed">}` | "message.held" | "message.unconfirmed";
      data: StatusEventData;
    }
  | { type: "message.failed"; data: StatusEventData & { error: SendError } }
  | { type: "payment.reported"; messageId: string; data: StatusEventData & { messageId: string; status: string } }
  | { type: "conversation.failed"; data: SendEventData & { continuesConversationId?: string } };

/** An event of a message's conversation. */
export type SendEvent = SendHappened & { id: string; sequence: number };

/** A customer wants no marketing messages, as Meta said at an instant. */
export interface MarketingStop {
  contactId: string;
  saidAt: Date;
}

/** What a transaction has to write: the last state of each row, and the events of each change, in order. */
export interface Settlement {
  now: Date;
  sends: Map<string, ChangedSend>;
  conversations: Map<string, LockedConversationOfSend>;
  changedConversationIds: Set<string>;
  /** Conversations in which Meta took a message of ours, or gave one back: what waits for an answer may have changed. */
  answeredConversationIds: Set<string>;
  /** Messages whose failure may end the conversation that they opened. */
  failedOpenings: LockedSend[];
  templates: ChangedTemplate[];
  marketingStops: MarketingStop[];
  payments: PaymentNote[];
  circuits: OpenedCircuit[];
  /** Messages that tried an open circuit and went through. */
  passedTries: string[];
  events: SendEvent[];
}

export interface SettlementContext {
  createId: () => string;
  /** A name of the access token of what has none of its own, which does not reveal it; null where there is no such token. */
  tokenKey: string | null;
  tryWaits: TryWaits;
}

/** A payment's report as a row among the messages of the conversation. */
export interface PaymentNote {
  id: string;
  key: string;
  conversationId: string;
  contactId: string;
  sentAt: Date;
  receivedAt: Date;
  payload: string;
}
