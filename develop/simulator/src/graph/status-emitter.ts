import { type SimulatedChannel, type Update } from "../envelope.ts";
import { type Random } from "../random.ts";
import { buildStatus, type Pricing, type StatusName } from "../status.ts";
import { errorFacts } from "./graph-error.ts";
import { type SentMessage } from "./send-ledger.ts";
import { type Schedule } from "./schedule.ts";

/** How statuses come. Shares are of the messages, from 0 to 1; durations are real ones, in ms. */
export interface StatusBehaviour {
  /** Each status follows the one before after up to this long. */
  stepMsMax: number;
  readShare: number;
  /** Share that was delivered and read at once, so that `delivered` never comes. */
  skipDeliveredShare: number;
  /** Share whose statuses come in any order. */
  shuffledShare: number;
  /** Share whose statuses come late by up to `lateMsMax`. */
  lateShare: number;
  lateMsMax: number;
  /** Share whose `sent` is delivered before the send is answered, or has been tried for `beforeAnswerMsMax`. */
  beforeAnswerShare: number;
  beforeAnswerMsMax: number;
  /** Share of which no status ever comes. */
  neverShare: number;
}

export const defaultStatusBehaviour: StatusBehaviour = {
  stepMsMax: 50,
  readShare: 0.6,
  skipDeliveredShare: 0.1,
  shuffledShare: 0,
  lateShare: 0,
  lateMsMax: 5_000,
  beforeAnswerShare: 0,
  beforeAnswerMsMax: 1_000,
  neverShare: 0,
};

interface StatusSource {
  message: SentMessage;
  channel: SimulatedChannel;
  pricing: Pricing | null;
  /** The code of the failure, null for what reaches the customer. */
  failureCode: number | null;
  /** How long after the failure its status comes. */
  lateMs: number;
  sentByPhone: boolean;
}

export interface StatusEmitter {
  /** Plans the statuses of a message. The promise resolves when its answer may go out: at once, or after its first status. */
  emit(source: StatusSource): Promise<void>;
}

export interface StatusEmitterDependencies {
  behaviour: StatusBehaviour;
  random: Random;
  now: () => number;
  schedule: Schedule;
  post: (updates: readonly Update[]) => Promise<boolean>;
}

export function createStatusEmitter({
  behaviour,
  random,
  now,
  schedule,
  post,
}: StatusEmitterDependencies): StatusEmitter {
  function namesFor({ message, failureCode }: StatusSource): StatusName[] {
    if (failureCode !== null) return ["failed"];
    // A reaction that a business sends only ever yields `sent`.
    if (message.type === "reaction") return ["sent"];
    const isRead = random() < behaviour.readShare;
    const skipsDelivered = isRead && random() < behaviour.skipDeliveredShare;
    const names: StatusName[] = skipsDelivered
      ? ["sent", "read"]
      : isRead
        ? ["sent", "delivered", "read"]
        : ["sent", "delivered"];
    return random() < behaviour.shuffledShare ? names.toSorted(() => random() - 0.5) : names;
  }

  return {
    async emit(source) {
      if (random() < behaviour.neverShare) return;
      const names = namesFor(source);
      if (source.lateMs > 0) {
        const failed = toUpdate(source, "failed", now());
        schedule.after(source.lateMs, () => void post([failed]));
        return;
      }
      const isBeforeAnswer = random() < behaviour.beforeAnswerShare;
      let delayMs = random() < behaviour.lateShare ? random() * behaviour.lateMsMax : 0;
      const first = isBeforeAnswer ? names.shift() : undefined;
      for (const name of names) {
        delayMs += random() * behaviour.stepMsMax;
        schedule.after(delayMs, () => void post([toUpdate(source, name, now())]));
      }
      if (first === undefined) return;
      const waited = Promise.withResolvers<void>();
      const callOff = schedule.after(behaviour.beforeAnswerMsMax, () => waited.resolve());
      await Promise.race([post([toUpdate(source, first, now())]), waited.promise, schedule.stopped]);
      callOff();
    },
  };
}

function toUpdate(
  { message, channel, pricing, failureCode, sentByPhone }: StatusSource,
  status: StatusName,
  at: number,
): Update {
  const { wamid, customer, callbackData, input } = message;
  const stranger = { index: -1, name: "", username: null, phone: input.replace(/\D/g, ""), userId: "", ordinal: 0 };
  const known = customer ?? { ...stranger, phoneVisible: true, lastWroteAt: null };
  const item = buildStatus({
    messageId: wamid,
    status,
    // Whom we reach by phone has a phone that we know.
    customer: { ...known, phoneVisible: sentByPhone || known.phoneVisible },
    at,
    ...(callbackData === null ? {} : { callbackData }),
    ...(pricing === null || status === "failed" || status === "read" ? {} : { pricing }),
    ...(failureCode === null ? {} : { error: { code: failureCode, ...errorFacts(failureCode) } }),
  });
  const update: Update = { id: `${wamid}:${status}`, kind: status, field: "messages", list: "statuses", item, channel };
  return customer === null ? update : { ...update, customer };
}
