import { isQuiet, isTaken } from "./answering.ts";
import { READ_KIND } from "./choose-sends.ts";
import type { CircuitScope, TryWaits } from "./circuit.ts";
import { advanceDelivery, type DeliveryReport, type DeliveryState } from "./delivery.ts";
import type { LockedConversationOfSend, LockedSend, LockedSends } from "./locked-send.ts";
import type { PlaceOfEvent } from "./receive.ts";
import { closeSession, SESSION_MS } from "./session.ts";

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
  /** The status in which the template is from now on, or null. */
  templateStatus: string | null;
  stop: StopCause | null;
}

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

interface SendEventData extends PlaceOfEvent {
  sendId: string;
}

interface StatusEventData extends SendEventData {
  wamid: string | null;
  changedAt: string;
}

/** What happened to a message. `libs/contracts` says the same of its data, and the compiler compares them. */
type SendHappened =
  | {
      type: `message.${Exclude<DeliveryReport, "failed">}` | "message.unconfirmed";
      data: StatusEventData;
    }
  | { type: "message.failed"; data: StatusEventData & { error: SendError } }
  | { type: "conversation.failed"; data: SendEventData & { continuesConversationId: string } };

/** An event of a message's conversation. */
export type SendEvent = SendHappened & { id: string; sequence: number };

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
  circuits: OpenedCircuit[];
  /** Messages that tried an open circuit and went through. */
  passedTries: string[];
  events: SendEvent[];
}

export function openSettlement({ now, conversations }: LockedSends): Settlement {
  return {
    now,
    sends: new Map(),
    conversations: new Map(conversations),
    changedConversationIds: new Set(),
    answeredConversationIds: new Set(),
    failedOpenings: [],
    templates: [],
    circuits: [],
    passedTries: [],
    events: [],
  };
}

export interface SettlementContext {
  createId: () => string;
  /** A name of the access token in the circuits that does not reveal it. */
  tokenKey: string;
  tryWaits: TryWaits;
}

/** Returns the message as this settlement has changed it so far. */
export function currentSend(settlement: Settlement, send: LockedSend): ChangedSend {
  const { id, state, wamid, error, changedAt } = send;
  return settlement.sends.get(id) ?? { id, state, wamid, error, pricing: null, dueInMs: null, changedAt };
}

/** Applies what Meta said about a message. Returns false if it is no news: late, repeated, or overtaken. */
export function settleReport(
  settlement: Settlement,
  send: LockedSend,
  said: { report: DeliveryReport; at: Date; wamid: string | null; failure: SendFailure | null; pricing: object | null },
  context: SettlementContext,
): boolean {
  const before = currentSend(settlement, send);
  const state = advanceDelivery(before.state, said.report);
  const wamid = before.wamid ?? said.wamid;
  const pricing = said.pricing ?? before.pricing;
  const isNews = state !== before.state;
  if (!isNews && wamid === before.wamid && pricing === before.pricing) return false;
  const error = state !== "failed" ? null : isNews ? errorOf(said.failure) : before.error;
  const changedAt = isNews ? settlement.now : before.changedAt;
  settlement.sends.set(send.id, { ...before, state, wamid, pricing, error, changedAt });
  if (!isNews) return false;
  const isWord = send.kind !== READ_KIND && !isQuiet(send.kind);
  if (isWord && isTaken(state) !== isTaken(before.state)) settlement.answeredConversationIds.add(send.conversationId);
  addEvent(settlement, send, context, (place) => {
    const data = { ...place, wamid, changedAt: said.at.toISOString() };
    if (said.report !== "failed") return { type: `message.${said.report}`, data };
    return { type: "message.failed", data: { ...data, error: errorOf(said.failure) } };
  });
  if (state === "failed") followFailure(settlement, send, said.failure, said.at, context);
  else if (send.isTry) settlement.passedTries.push(send.id);
  return true;
}

/** Makes a message unknown: nobody can say whether the call reached Meta. */
export function settleUnknown(
  settlement: Settlement,
  send: LockedSend,
  cause: string,
  context: SettlementContext,
): void {
  const before = currentSend(settlement, send);
  const error = { code: null, class: "B", message: `The outcome of the call to Meta is not known (${cause}).` };
  settlement.sends.set(send.id, { ...before, state: "unknown", error, changedAt: settlement.now });
  addEvent(settlement, send, context, (place) => ({
    type: "message.unconfirmed",
    data: { ...place, wamid: before.wamid, changedAt: settlement.now.toISOString() },
  }));
}

/** Makes a message wait again: the call surely had no effect. */
export function settleRetry(settlement: Settlement, send: LockedSend, error: SendError, dueInMs: number): void {
  const before = currentSend(settlement, send);
  settlement.sends.set(send.id, { ...before, state: "waiting", error, dueInMs, changedAt: settlement.now });
}

/**
 * How old a failure may be when it arrives and still prove something about now. Meta resends webhooks for seven days.
 */
const PROOF_AGE_MS_MAX = 60 * 60 * 1000;

/**
 * Every further call of the token, account or number would fail. A number stands for an account that is not known. The
 * refusal counts as of when its call was leased: what was changed at Meta meanwhile may have ended its cause.
 */
export function openCircuit(
  settlement: Settlement,
  send: LockedSend,
  stop: StopCause,
  saidAt: Date,
  { tokenKey }: SettlementContext,
): void {
  const openedAt = send.state === "sending" ? send.changedAt : saidAt;
  if (settlement.now.getTime() - openedAt.getTime() > PROOF_AGE_MS_MAX) return;
  const { accountId, phoneNumberId, id: sendId } = send;
  const opened = { code: stop.code, reason: stop.reason, openedAt, sendId };
  if (stop.scope === "token") settlement.circuits.push({ ...opened, scope: "token", key: tokenKey });
  else if (stop.scope === "templates") {
    settlement.circuits.push({ ...opened, scope: "templates", key: accountId ?? phoneNumberId });
  } else if (stop.scope === "account" && accountId !== null) {
    settlement.circuits.push({ ...opened, scope: "account", key: accountId });
  } else settlement.circuits.push({ ...opened, scope: "number", key: phoneNumberId });
}

/** Adds an event of the message's conversation, under the next number of its sequence. */
function addEvent(
  settlement: Settlement,
  send: LockedSend,
  { createId }: Pick<SettlementContext, "createId">,
  tell: (place: SendEventData) => SendHappened,
): void {
  const { id: sendId, conversationId, channelId, phoneNumberId, contactId } = send;
  const { sequence } = changeConversation(settlement, conversationId, (conversation) => ({
    ...conversation,
    sequence: conversation.sequence + 1,
  }));
  const happened = tell({ conversationId, channelId, phoneNumberId, contactId, sendId });
  settlement.events.push({ ...happened, id: createId(), sequence });
}

function changeConversation(
  settlement: Settlement,
  id: string,
  change: (conversation: LockedConversationOfSend) => LockedConversationOfSend,
): LockedConversationOfSend {
  const conversation = settlement.conversations.get(id);
  if (conversation === undefined) throw new Error("the conversation of a message is not locked");
  const changed = change(conversation);
  settlement.conversations.set(id, changed);
  settlement.changedConversationIds.add(id);
  return changed;
}

const UNEXPLAINED: SendError = { code: null, class: "D", message: "Meta could not deliver it and does not say why." };

function errorOf(failure: SendFailure | null): SendError {
  if (failure === null) return UNEXPLAINED;
  const { code, class: errorClass, message } = failure;
  return { code, class: errorClass, message };
}

function followFailure(
  settlement: Settlement,
  send: LockedSend,
  failure: SendFailure | null,
  at: Date,
  context: SettlementContext,
): void {
  if (send.isOpening) settlement.failedOpenings.push(send);
  if (failure === null) return;
  if (failure.closesSession) closeSessionAt(settlement, send.conversationId, at);
  if (failure.stop !== null) openCircuit(settlement, send, failure.stop, at, context);
  const template = send.template?.["template"] as { name?: unknown; language?: { code?: unknown } } | undefined;
  const [name, language] = [template?.name, template?.language?.code];
  const { templateStatus: status } = failure;
  if (status === null || send.accountId === null || typeof name !== "string" || typeof language !== "string") return;
  settlement.templates.push({ accountId: send.accountId, name, language, status });
}

/** Closes the session, unless the customer opened it after the refusal. */
function closeSessionAt(settlement: Settlement, conversationId: string, at: Date): void {
  changeConversation(settlement, conversationId, (conversation) => {
    const { sessionEndsAt, sessionClosedAt } = conversation;
    if (sessionEndsAt === null || sessionEndsAt.getTime() - SESSION_MS > at.getTime()) return conversation;
    const { endsAt, closedAt } = closeSession({ endsAt: sessionEndsAt, closedAt: sessionClosedAt }, at);
    return { ...conversation, sessionEndsAt: endsAt, sessionClosedAt: closedAt };
  });
}

/**
 * Ends the conversations whose opening template Meta refused, now or later, so that none stays as a ghost and the
 * expired one can be used again. A conversation stays if the customer has written into it, or if another template in it
 * has not failed: that one becomes its opening. `heirs` has each conversation's other templates that have not failed,
 * oldest first. Returns those that take over.
 */
export function endFailedOpenings(
  settlement: Settlement,
  heirs: ReadonlyMap<string, readonly string[]>,
  createId: () => string,
): string[] {
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
    addEvent(settlement, send, { createId }, (place) => ({
      type: "conversation.failed",
      data: { ...place, continuesConversationId },
    }));
    changeConversation(settlement, send.conversationId, (open) => ({ ...open, state: "failed" }));
  }
  return handedOver;
}
