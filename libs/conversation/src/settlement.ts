import { isQuiet, isTaken } from "./answering.ts";
import { READ_KIND } from "./choose-sends.ts";
import { advanceDelivery, type DeliveryReport } from "./delivery.ts";
import type { LockedConversationOfSend, LockedSend, LockedSends } from "./locked-send.ts";
import { closeSession, SESSION_MS } from "./session.ts";
import type {
  ChangedSend,
  SendError,
  SendEventData,
  SendFailure,
  SendHappened,
  Settlement,
  SettlementContext,
  StopCause,
} from "./settled.ts";

export function openSettlement({ now, conversations }: LockedSends): Settlement {
  return {
    now,
    sends: new Map(),
    conversations: new Map(conversations),
    changedConversationIds: new Set(),
    answeredConversationIds: new Set(),
    failedOpenings: [],
    templates: [],
    marketingStops: [],
    payments: [],
    circuits: [],
    passedTries: [],
    events: [],
  };
}

/** Returns the message as this settlement has changed it so far. */
export function currentSend(settlement: Settlement, send: LockedSend): ChangedSend {
  const { id, state, wamid, error, changedAt } = send;
  const unchanged = { id, state, wamid, error, pricing: null, isHeld: send.isHeld, dueInMs: null, changedAt };
  return settlement.sends.get(id) ?? unchanged;
}

/** Applies what Meta said about a message. Returns false if it is no news: late, repeated, or overtaken. */
export function settleReport(
  settlement: Settlement,
  send: LockedSend,
  said: {
    report: DeliveryReport;
    at: Date;
    wamid: string | null;
    failure: SendFailure | null;
    pricing: object | null;
    /** Only Meta's answer says so. */
    isHeld?: boolean;
  },
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
  const isHeld = isNews && said.isHeld === true;
  settlement.sends.set(send.id, {
    ...before,
    state,
    wamid,
    pricing,
    error,
    isHeld: isHeld || before.isHeld,
    changedAt,
  });
  if (!isNews) return false;
  const isWord = send.kind !== READ_KIND && !isQuiet(send.kind);
  if (isWord && isTaken(state) !== isTaken(before.state)) settlement.answeredConversationIds.add(send.conversationId);
  addEvent(settlement, send, context, (place) => {
    const data = { ...place, wamid, changedAt: said.at.toISOString() };
    if (isHeld) return { type: "message.held", data };
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

/** A refusal counts as of when its call was leased: what was changed at Meta meanwhile may have ended its cause. */
const refusedAt = ({ state, changedAt }: LockedSend, saidAt: Date) => (state === "sending" ? changedAt : saidAt);

/** Every further call of the token, account or number would fail. A number stands for an account that is not known. */
export function openCircuit(
  settlement: Settlement,
  send: LockedSend,
  stop: StopCause,
  saidAt: Date,
  { tokenKey }: SettlementContext,
): void {
  const openedAt = refusedAt(send, saidAt);
  if (settlement.now.getTime() - openedAt.getTime() > PROOF_AGE_MS_MAX) return;
  const { accountId, phoneNumberId, id: sendId } = send;
  const opened = { code: stop.code, reason: stop.reason, openedAt, sendId };
  if (stop.scope === "token") {
    const key = send.tokenKey ?? tokenKey;
    // Nothing is sent without a token: that one is gone, and a stop would cover nothing.
    if (key !== null) settlement.circuits.push({ ...opened, scope: "token", key });
  } else if (stop.scope === "templates") {
    settlement.circuits.push({ ...opened, scope: "templates", key: accountId ?? phoneNumberId });
  } else if (stop.scope === "account" && accountId !== null) {
    settlement.circuits.push({ ...opened, scope: "account", key: accountId });
  } else settlement.circuits.push({ ...opened, scope: "number", key: phoneNumberId });
}

/** Adds an event of the message's conversation, under the next number of its sequence. */
export function addEvent(
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
  const { contactId } = send;
  if (failure.stopsMarketing) settlement.marketingStops.push({ contactId, saidAt: refusedAt(send, at) });
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
 * Ends the conversations whose opening template Meta refused, now or later, so that none stays as a ghost and an
 * expired one that it continued can be used again. A conversation stays if the customer has written into it, or if another template in it
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
    if (isOver || sessionEndsAt !== null) continue;
    const heirId = heirs.get(send.conversationId)?.find((id) => settlement.sends.get(id)?.state !== "failed");
    if (heirId !== undefined) {
      handedOver.push(heirId);
      continue;
    }
    addEvent(settlement, send, { createId }, (place) => ({
      type: "conversation.failed",
      data: { ...place, ...(continuesConversationId === null ? {} : { continuesConversationId }) },
    }));
    changeConversation(settlement, send.conversationId, (open) => ({ ...open, state: "failed" }));
  }
  return handedOver;
}
