import { type Customer } from "../customers.ts";
import { type SimulatedChannel, type Update } from "../envelope.ts";
import { type Json, type JsonObject } from "../json.ts";
import { wamidOf } from "../ledger.ts";
import { type Random } from "../random.ts";
import { channelOf } from "../traffic.ts";
import { type Answers } from "./answers.ts";
import { createCustomerDirectory } from "./directory.ts";
import { type GraphFault, type Faults } from "./faults.ts";
import { createPricing } from "./pricing.ts";
import { isGraphRefusal } from "./refusal.ts";
import { type Schedule } from "./schedule.ts";
import { type MessageSend, parseSendRequest } from "./send-request.ts";
import { type SendLedger, type SentMessage } from "./send-ledger.ts";
import { createStatusEmitter, type StatusBehaviour } from "./status-emitter.ts";
import { checkTemplate, type SimulatedTemplate } from "./templates.ts";
import { type BucketRule, createTokenBuckets, type TokenBuckets } from "./token-bucket.ts";

/** How a request ends: an answer, an error of Graph's, or one of the ways in which the caller learns nothing. */
export type CallEnding =
  | { kind: "answer"; body: Json }
  | { kind: "error"; code: number; details: string | undefined }
  | { kind: "server-error" | "reset" | "no-answer" };

/** A session lasts for 24 hours from what the customer last wrote. */
const sessionMs = 24 * 3_600_000;

export interface SendingDependencies {
  customers: readonly Customer[];
  channels: readonly SimulatedChannel[];
  templates: readonly SimulatedTemplate[];
  faults: Faults;
  answers: Answers;
  ledger: SendLedger;
  schedule: Schedule;
  post: (updates: readonly Update[]) => Promise<boolean>;
  now: () => number;
  random: Random;
  behaviour: StatusBehaviour;
  lateSessionRefusalShare: number;
  numberLimit: BucketRule | null;
  pairLimit: BucketRule | null;
  elapsedMs: () => number;
}

/** Takes sends as Graph does: checks, limits, what goes wrong, acceptance, and what follows from it. */
export function createSending(options: SendingDependencies): {
  send(channel: SimulatedChannel, body: unknown): Promise<CallEnding>;
} {
  const { ledger, faults, random, now, schedule } = options;
  const directory = createCustomerDirectory(options.customers);
  const emitter = createStatusEmitter(options);
  const priceOf = createPricing();
  const limits = createLimits(options);
  const salt = String(random());

  async function accept(channel: SimulatedChannel, send: MessageSend, fault: GraphFault | null): Promise<CallEnding> {
    const customer = directory.find(send.recipient);
    const template = send.template === null ? null : checkTemplate(options.templates, send.template);
    if (template !== null && isGraphRefusal(template)) return { kind: "error", ...template };
    // A code to copy or to fill in needs a phone.
    if (template?.category === "AUTHENTICATION" && send.recipient.kind === "userId") return errorOf(131062);
    const isOpen = isSessionOpen(options.channels, channel, customer, now());
    const isSessionOver = template === null && customer !== null && !isOpen;
    if (isSessionOver && random() >= options.lateSessionRefusalShare) return errorOf(131047);
    const code = failureCode(send, customer, fault, isSessionOver);
    const message: SentMessage = {
      wamid: wamidOf(`${salt}out`, ledger.messages().length),
      phoneNumberId: channel.phoneNumberId,
      customer,
      input: send.input,
      type: send.type,
      callbackData: send.callbackData,
      acceptedAt: now(),
      fate: send.recipient.kind === "userIdInTo" ? "vanished" : code === null ? "reached" : "failed",
      wasAnswered: fault === null || !("accepts" in fault),
    };
    ledger.record(message);
    const sentByPhone = send.recipient.kind === "phone";
    const pricing = code === null ? priceOf(send.type, template, channel.phoneNumberId, now()) : null;
    if (message.fate === "reached") options.answers.onReached(message);
    if (message.fate !== "vanished" && fault?.kind !== "no-statuses" && fault?.kind !== "paced") {
      const lateMs = fault?.kind === "failed" ? (fault.lateMs ?? 0) : 0;
      await emitter.emit({ message, channel, pricing, failureCode: code, lateMs, sentByPhone });
    }
    return { kind: "answer", body: acceptedBody(message, send, fault) };
  }

  async function meet(channel: SimulatedChannel, send: MessageSend, fault: GraphFault | null): Promise<CallEnding> {
    if (fault?.kind === "error") return errorOf(fault.code, fault.details);
    if (fault !== null && "accepts" in fault) {
      if (fault.accepts) await accept(channel, send, fault);
      return { kind: fault.kind };
    }
    if (fault?.kind === "slow") {
      const slept = Promise.withResolvers<void>();
      schedule.after(fault.delayMs, () => slept.resolve());
      await Promise.race([slept.promise, schedule.stopped]);
    }
    return accept(channel, send, fault);
  }

  return {
    async send(channel, body) {
      const request = parseSendRequest(body);
      if (isGraphRefusal(request)) return { kind: "error", ...request };
      if (request.kind === "read") {
        if (!request.messageId.startsWith("wamid.")) return errorOf(131009, "message_id is not a message.");
        const code = faults.nextOfRead();
        if (code !== null) return errorOf(code);
        ledger.countRead(request.messageId);
        return { kind: "answer", body: { success: true } };
      }
      const customer = directory.find(request.recipient);
      const limited = limits(channel, request, customer);
      if (limited !== null) return errorOf(limited);
      return meet(channel, request, faults.next(request, { ...channel, customer }));
    },
  };
}

const errorOf = (code: number, details?: string): CallEnding => ({ kind: "error", code, details });

/** Meta's throughput, of the number first and then of the pair. Gives the code where a limit is reached. */
function createLimits({ numberLimit, pairLimit, elapsedMs }: SendingDependencies) {
  const bucketsOf = (rule: BucketRule | null): TokenBuckets | null =>
    rule === null ? null : createTokenBuckets(rule, elapsedMs);
  const numbers = bucketsOf(numberLimit);
  const pairs = bucketsOf(pairLimit);
  return ({ phoneNumberId }: SimulatedChannel, { input }: MessageSend, customer: Customer | null): number | null => {
    if (numbers?.take(phoneNumberId) === false) return 130429;
    if (pairs?.take(`${phoneNumberId}:${customer?.index ?? input}`) !== false) return null;
    numbers?.giveBack(phoneNumberId);
    return 131056;
  };
}

function isSessionOpen(
  channels: readonly SimulatedChannel[],
  channel: SimulatedChannel,
  customer: Customer | null,
  at: number,
): boolean {
  if (customer === null || customer.lastWroteAt === null) return false;
  return channelOf(channels, customer) === channel && at < customer.lastWroteAt + sessionMs;
}

/** Why an accepted message will not reach its customer, null where it will. */
function failureCode(
  send: MessageSend,
  customer: Customer | null,
  fault: GraphFault | null,
  isSessionOver: boolean,
): number | null {
  if (send.recipient.kind === "userIdInTo") return null;
  if (fault?.kind === "failed") return fault.code;
  if (customer === null) return 131026;
  return isSessionOver ? 131047 : null;
}

function acceptedBody(
  { wamid, customer }: SentMessage,
  { input, recipient, template }: MessageSend,
  fault: GraphFault | null,
): JsonObject {
  const contact: JsonObject = { input };
  if (recipient.kind === "phone") contact["wa_id"] = customer?.phone ?? recipient.digits;
  else contact["user_id"] = recipient.userId;
  // Only templates carry a status in the answer, since Meta may pace them.
  const message: JsonObject =
    template === null
      ? { id: wamid }
      : { id: wamid, message_status: fault?.kind === "paced" ? fault.messageStatus : "accepted" };
  return { messaging_product: "whatsapp", contacts: [contact], messages: [message] };
}
