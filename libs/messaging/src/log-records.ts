import { DeliverPolicy, type Consumer, type ConsumerMessages } from "nats";
import { setTimeout as pause } from "node:timers/promises";
import { BrokerFailure, asBrokerFailure, type Connection } from "./connection.ts";

/** A record of a stream. */
export interface LogRecord {
  sequence: number;
  /** A header's value, or an empty string. */
  header: (name: string) => string;
  text(): string;
}

export interface LogEnd {
  /** The instant at which the stream was created: a recreated stream starts its sequence again. */
  streamId: string;
  firstSequence: number;
  lastSequence: number;
  /** Whether it takes atomic batches. */
  isAtomic: boolean;
}

/**
 * How long the broker may take to answer, in milliseconds. What is asked while a cluster elects a leader is never
 * answered, so that this time is lost on top of the election, which takes 4 to 9 s.
 */
const ANSWER_MS_MAX = 1_500;

/** Returns where the log ends now. Throws a `BrokerFailure` while the broker is away. */
export async function readLogEnd(connection: Connection, stream: string): Promise<LogEnd> {
  if (!connection.isConnected) throw new BrokerFailure("the broker is away");
  try {
    const manager = await connection.nats.jetstreamManager({ checkAPI: false, timeout: ANSWER_MS_MAX });
    const info = await manager.streams.info(stream);
    const { first_seq: firstSequence, last_seq: lastSequence } = info.state;
    // The client's types do not know the setting.
    const isAtomic = (info.config as { allow_atomic?: boolean }).allow_atomic === true;
    return { streamId: info.created, firstSequence, lastSequence, isAtomic };
  } catch (error) {
    throw asBrokerFailure(`stream ${stream} cannot be read`, error);
  }
}

/** How many records are requested at a time: each may be a megabyte. */
const RECORDS_AHEAD = 64;

/**
 * How long one request for records stands, in milliseconds. The client notices a lost consumer after this time, and
 * waits as long between its tries to create a new one; its default of 30 s would hold a reader up for minutes.
 */
const PULL_MS = 1_500;
/**
 * How many headers are requested at a time. They are small: at 50 ms of round trip a pull of this size brings more than
 * can be looked up meanwhile.
 */
const IDS_AHEAD = 4_096;
/**
 * How long nothing comes before the reader asks the broker whether there is more, because the last records may be
 * deleted.
 */
const ASK_MS = 250;
const SILENCE_MS_MAX = 10_000;

export interface LogReadingOptions {
  stream: string;
  subjects: readonly string[];
  startSequence: number;
  /** Leaves the records' text with the broker. */
  isHeadersOnly?: boolean;
  /** How many records are requested at a time. */
  recordsAhead?: number;
}

/** Reads a log in order from a sequence on, without an end, until `stop`. The server forgets the consumer. */
export interface LogReading {
  records: AsyncIterable<LogRecord>;
  /** Returns how many records of its subjects the broker has still to hand out, and whether all others have come in. */
  progress(): Promise<LogProgress>;
  stop(): Promise<void>;
}

export interface LogProgress {
  pending: number;
  areOthersHere: boolean;
}

export async function readLog(connection: Connection, options: LogReadingOptions): Promise<LogReading> {
  if (!connection.isConnected) throw new BrokerFailure("the broker is away");
  const opening = openConsumer(connection, options);
  const { consumer, messages } = await inTime(opening, ANSWER_MS_MAX).catch((error: unknown) => {
    // The client keeps trying: what it opens too late is closed.
    opening.then((late) => late.messages.close()).catch(() => undefined);
    throw new BrokerFailure(`stream ${options.stream} cannot be read`, { cause: error });
  });
  const last: LastReceived = { consumer: "", deliverySequence: 0 };
  return {
    records: toRecords(messages, last),
    progress: async () => {
      const info = await inTime(consumer.info(), ANSWER_MS_MAX).catch((error: unknown) => {
        throw asBrokerFailure(`stream ${options.stream} does not say how far it is read`, error);
      });
      // The client makes a new consumer where the server forgot it; a new one counts from one again.
      const received = last.consumer === info.name ? last.deliverySequence : 0;
      return { pending: info.num_pending, areOthersHere: received >= info.delivered.consumer_seq };
    },
    stop: async () => {
      await inTime(messages.close(), ANSWER_MS_MAX).catch(() => undefined);
    },
  };
}

async function openConsumer(
  connection: Connection,
  options: LogReadingOptions,
): Promise<{ consumer: Consumer; messages: ConsumerMessages }> {
  const [subject = ""] = options.subjects;
  const recordsAhead = options.recordsAhead ?? RECORDS_AHEAD;
  const consumer = await connection.nats.jetstream().consumers.get(options.stream, {
    // A single filter stands in the subject of the request, where the broker's permissions see it.
    filterSubjects: options.subjects.length === 1 ? subject : [...options.subjects],
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: Math.max(1, options.startSequence),
    headers_only: options.isHeadersOnly ?? false,
  });
  return { consumer, messages: await consumer.consume({ max_messages: recordsAhead, expires: PULL_MS }) };
}

async function inTime<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new BrokerFailure(`no answer within ${timeoutMs} ms`)), timeoutMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

interface LastReceived {
  consumer: string;
  deliverySequence: number;
}

/** A part of a line may begin with U+FEFF, which the driver's own decoder takes for a mark of the encoding and drops. */
const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });

async function* toRecords(messages: ConsumerMessages, last: LastReceived): AsyncGenerator<LogRecord> {
  try {
    for await (const message of messages) {
      last.consumer = message.info.consumer;
      last.deliverySequence = message.info.deliverySequence;
      yield {
        sequence: message.seq,
        header: (name) => message.headers?.get(name) ?? "",
        text: () => DECODER.decode(message.data),
      };
    }
  } catch (error) {
    throw asBrokerFailure("the broker broke the reading off", error);
  }
}

/** A message by its sequence and its id (`Nats-Msg-Id`), which is empty if it has none. */
export interface MessageId {
  sequence: number;
  id: string;
}

/** Messages that follow each other, and the sequence up to which they are complete. */
export interface MessageIdPiece {
  to: number;
  messages: MessageId[];
}

/**
 * Reads the ids of the messages from one sequence to another, both included, in pieces of at most `pieceMax`. It passes
 * over deleted ones. Throws a `BrokerFailure` if the broker falls silent.
 */
export async function* readMessageIds(
  connection: Connection,
  range: { stream: string; subjects: readonly string[]; from: number; to: number; pieceMax: number },
): AsyncGenerator<MessageIdPiece> {
  const { from, to, pieceMax } = range;
  if (from > to) return;
  const reading = await readLog(connection, {
    ...range,
    startSequence: from,
    isHeadersOnly: true,
    recordsAhead: IDS_AHEAD,
  });
  let messages: MessageId[] = [];
  try {
    for await (const record of untilEnd(reading, range.stream)) {
      if (record.sequence <= to) messages.push({ sequence: record.sequence, id: record.header("Nats-Msg-Id") });
      if (record.sequence >= to) break;
      if (messages.length < pieceMax) continue;
      yield { to: record.sequence, messages };
      messages = [];
    }
    yield { to, messages };
  } finally {
    await reading.stop();
  }
}

/** Returns the records of a reading, up to the end of the log when nothing more comes. */
async function* untilEnd(reading: LogReading, stream: string): AsyncGenerator<LogRecord> {
  const records = reading.records[Symbol.asyncIterator]();
  let next = records.next();
  let heardAt = performance.now();
  let silence = pause(ASK_MS, null, { ref: false });
  for (;;) {
    const record = await Promise.race([next, silence]);
    if (record !== null) {
      if (record.done === true) return;
      heardAt = performance.now();
      next = records.next();
      yield record.value;
      continue;
    }
    silence = pause(ASK_MS, null, { ref: false });
    if (performance.now() - heardAt < ASK_MS) continue;
    const { pending, areOthersHere } = await reading.progress();
    if (pending === 0 && areOthersHere) return;
    if (performance.now() - heardAt > SILENCE_MS_MAX) {
      throw new BrokerFailure(`stream ${stream} holds ${pending} more messages and does not hand them out`);
    }
  }
}
