import { replyPrefix } from "@turno/contracts";
import { createInbox, type Msg, type MsgHdrs, type NatsError } from "nats";
import { cutBatches, expectBatch, expectChain } from "./chain.ts";
import { AccessFailure, BrokerFailure, type Connection } from "./connection.ts";

/** JetStream answered that it does not store the message. */
export class PublishFailure extends BrokerFailure {
  override readonly retryable: boolean;
  /** JetStream's `err_code`; 0 if it gave none. */
  readonly errorCode: number;

  constructor(message: string, details: { errorCode: number; retryable: boolean; cause?: unknown }) {
    super(message, { cause: details.cause });
    this.errorCode = details.errorCode;
    this.retryable = details.retryable;
  }
}

/** The stream is full: it stores nothing more until something grows old or an operator raises the limit. */
export class StreamFullFailure extends PublishFailure {}

export interface PublishOptions {
  headers?: Readonly<Record<string, string>>;
  /** Sent as `Nats-Msg-Id`: a repetition within the stream's window is acknowledged and not stored. */
  id?: string;
  timeoutMs: number;
}

/** `id` as in `PublishOptions`. */
export interface ChainedMessage {
  subject: string;
  payload: string;
  headers: Readonly<Record<string, string>>;
  id: string;
}

export interface ChainOptions {
  lastSequence: number;
  /** Whether the stream takes atomic batches (`allow_atomic`), as ours do with several replicas. */
  isAtomic: boolean;
  timeoutMs: number;
}

export interface Acknowledgement {
  sequence: number;
  duplicate: boolean;
}

export interface Publisher {
  /**
   * Publishes a message. Resolves when JetStream has stored it. Rejects with a `BrokerFailure` at once while the broker
   * is away, when it goes away, and after `timeoutMs`; with an `AccessFailure` if this user may not publish there, a
   * `PublishFailure` if JetStream refuses, a `StreamFullFailure` if it is full. After a rejection the message may still
   * have been stored.
   */
  publish(subject: string, payload: string | Uint8Array, options: PublishOptions): Promise<Acknowledgement>;
  /**
   * Publishes messages that follow each other in a stream that ends at `lastSequence`. Resolves with the stream's new end.
   * After a rejection (as of `publish`) the first of them may have been stored, in order and without a gap: look at the
   * stream before anything else is published.
   */
  publishChain(messages: readonly ChainedMessage[], options: ChainOptions): Promise<number>;
  readonly inFlight: number;
  /** Rejects what is in flight and stops listening. */
  close(): void;
}

interface Waiting {
  number: number;
  subject: string;
  resolve(acknowledgement: Acknowledgement): void;
  reject(failure: BrokerFailure): void;
  deadline: number;
}

const SWEEP_MS = 50;
const IN_FLIGHT_MAX = 4_096;
/** JetStream's codes for a store that has no room: the message limit, the byte limit, the account's or the server's disk. */
const NO_ROOM_CODES = new Set([10077, 10047, 10023, 10002]);

/**
 * Creates a publisher that gets acknowledgements at a fifth of the client's own cost: one subscription takes every
 * acknowledgement, a counter in the reply subject says whose it is, and one timer enforces all deadlines.
 */
export function createPublisher(connection: Connection): Publisher {
  const inbox = createInbox(replyPrefix(connection.user));
  const waiting = createWaitingRoom();
  const rejectAll = (reason: string) => waiting.reject(() => true, new BrokerFailure(reason));

  const subscription = connection.nats.subscribe(`${inbox}.*`, {
    callback: (error: NatsError | null, message: Msg) => {
      if (error !== null) return rejectAll(`the subscription for acknowledgements failed: ${error.message}`);
      // An acknowledgement after its deadline finds nobody waiting.
      const entry = waiting.take(Number(message.subject.slice(inbox.length + 1)));
      if (entry !== undefined) settle(entry, message);
    },
  });
  connection.onStatusChange((isConnected) => {
    if (!isConnected) rejectAll("the broker went away before it acknowledged");
  });
  connection.onPublishRefused((subject) => {
    const reason = `the broker does not let this user publish on ${subject}`;
    waiting.reject((entry) => entry.subject === subject, new AccessFailure(reason));
  });
  const sweep = setInterval(() => {
    const now = performance.now();
    waiting.reject(({ deadline }) => deadline <= now, new BrokerFailure("the broker did not acknowledge in time"));
  }, SWEEP_MS);
  sweep.unref();

  const publish: Publisher["publish"] = (subject, payload, options) => {
    if (!connection.isConnected) return Promise.reject(new BrokerFailure("the broker is away"));
    if (waiting.count >= IN_FLIGHT_MAX) {
      return Promise.reject(new BrokerFailure(`${IN_FLIGHT_MAX} messages are already on their way`));
    }
    const number = waiting.nextNumber();
    return new Promise((resolve, reject) => {
      try {
        send(connection, { subject, payload, options, reply: `${inbox}.${number}` });
      } catch (error) {
        reject(error);
        return;
      }
      waiting.add({ number, subject, resolve, reject, deadline: performance.now() + options.timeoutMs });
    });
  };

  return {
    publish,
    async publishChain(messages, { lastSequence, isAtomic, timeoutMs }) {
      let end = lastSequence;
      for (const piece of isAtomic ? cutBatches(messages) : [messages]) {
        if (!connection.isConnected) throw new BrokerFailure("the broker is away");
        const expect = isAtomic ? expectBatch(piece, end) : expectChain(piece, end);
        end += piece.length;
        let acknowledgement: Acknowledgement | undefined;
        for (const [index, { subject, payload, headers, id }] of piece.entries()) {
          const options = { headers: { ...headers, ...expect(index) }, id };
          if (index < piece.length - 1) send(connection, { subject, payload, options });
          else acknowledgement = await publish(subject, payload, { ...options, timeoutMs });
        }
        // A repetition is acknowledged by the place of the first one, whatever became of those before it.
        if (acknowledgement !== undefined && (acknowledgement.duplicate || acknowledgement.sequence !== end)) {
          throw new PublishFailure(`the chain does not end at ${end}`, { errorCode: 0, retryable: true });
        }
      }
      return end;
    },
    get inFlight() {
      return waiting.count;
    },
    close() {
      clearInterval(sweep);
      subscription.unsubscribe();
      rejectAll("the publisher was closed");
    },
  };
}

interface WaitingRoom {
  readonly count: number;
  /** Returns the number of a message to come: no other that waits has its place. There must be room for one more. */
  nextNumber(): number;
  add(entry: Waiting): void;
  /** Removes and returns whoever waits with this number; undefined if nobody does. */
  take(number: number): Waiting | undefined;
  reject(isMeant: (entry: Waiting) => boolean, failure: BrokerFailure): void;
}

/**
 * Creates an array of places that are used again and again. V8 leaves a chain of old tables behind a map that changes
 * with each message, and that chain keeps messages long gone until the next full collection.
 */
function createWaitingRoom(): WaitingRoom {
  const places = Array.from<Waiting | undefined>({ length: IN_FLIGHT_MAX });
  let count = 0;
  let number = 0;
  const leave = (entry: Waiting) => {
    places[entry.number % IN_FLIGHT_MAX] = undefined;
    count -= 1;
  };
  return {
    get count() {
      return count;
    },
    nextNumber() {
      do number += 1;
      while (places[number % IN_FLIGHT_MAX] !== undefined);
      return number;
    },
    add(entry) {
      places[entry.number % IN_FLIGHT_MAX] = entry;
      count += 1;
    },
    take(wanted) {
      const entry = places[wanted % IN_FLIGHT_MAX];
      if (entry?.number !== wanted) return undefined;
      leave(entry);
      return entry;
    },
    reject(isMeant, failure) {
      if (count === 0) return;
      for (const entry of places) {
        if (entry === undefined || !isMeant(entry)) continue;
        leave(entry);
        entry.reject(failure);
      }
    },
  };
}

/** Sends a message. Throws a `PublishFailure` if it cannot leave. */
function send(
  connection: Connection,
  message: {
    subject: string;
    payload: string | Uint8Array;
    options: Pick<PublishOptions, "headers" | "id">;
    reply?: string;
  },
): void {
  const { subject, payload, options, reply } = message;
  try {
    const headers = natsHeaders(options);
    // The client's own encoder costs three times as much.
    const bytes = typeof payload === "string" ? Buffer.from(payload) : payload;
    connection.nats.publish(subject, bytes, {
      ...(reply === undefined ? {} : { reply }),
      ...(headers === undefined ? {} : { headers }),
    });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new PublishFailure(`not publishable: ${reason}`, { errorCode: 0, retryable: false, cause: error });
  }
}

const LINE_BREAK = /[\r\n]/;

/**
 * Returns the headers as the bytes that go out, written at once: the client's own object costs more than the rest of a
 * publish. Source: NATS client protocol, HPUB. Throws a `TypeError` if a line break would add another header.
 */
function natsHeaders(options: Pick<PublishOptions, "headers" | "id">): MsgHdrs | undefined {
  if (options.headers === undefined && options.id === undefined) return undefined;
  let text = "NATS/1.0\r\n";
  const add = (name: string, value: string) => {
    if (LINE_BREAK.test(name) || LINE_BREAK.test(value)) throw new TypeError(`header ${name} holds a line break`);
    text += `${name}: ${value}\r\n`;
  };
  for (const [name, value] of Object.entries(options.headers ?? {})) add(name, value);
  if (options.id !== undefined) add("Nats-Msg-Id", options.id);
  const bytes = Buffer.from(`${text}\r\n`);
  // All that the client does with headers of a publish is to encode them.
  return { encode: () => bytes } as unknown as MsgHdrs;
}

function settle(entry: Waiting, message: Msg): void {
  if (message.data.length === 0) {
    // Status 503 without a body: nobody listens, because there is no stream for the subject or no leader yet.
    const status = message.headers?.code ?? 0;
    return entry.reject(
      new PublishFailure(`no stream answered (status ${status})`, { errorCode: status, retryable: true }),
    );
  }
  try {
    const reply = message.json<{
      seq?: number;
      duplicate?: boolean;
      error?: { code: number; err_code?: number; description?: string };
    }>();
    if (reply.error !== undefined) return entry.reject(refusal(reply.error));
    if (typeof reply.seq !== "number") throw new TypeError("an acknowledgement without a sequence");
    entry.resolve({ sequence: reply.seq, duplicate: reply.duplicate === true });
  } catch (error) {
    entry.reject(new BrokerFailure("an acknowledgement that is not JetStream's", { cause: error }));
  }
}

function refusal(error: { code: number; err_code?: number; description?: string }): PublishFailure {
  const errorCode = error.err_code ?? 0;
  const text = `JetStream refused: ${error.description ?? "no reason given"} (${errorCode})`;
  if (NO_ROOM_CODES.has(errorCode)) return new StreamFullFailure(text, { errorCode, retryable: true });
  return new PublishFailure(text, { errorCode, retryable: error.code >= 500 });
}
