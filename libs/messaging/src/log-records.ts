import { DeliverPolicy, type ConsumerMessages } from "nats";
import { BrokerFailure, type Connection } from "./connection.ts";

/** A record as it lies in a stream. */
export interface LogRecord {
  sequence: number;
  /** A header's value, or an empty string. */
  header: (name: string) => string;
  text(): string;
}

export interface LogEnd {
  /** The instant of the stream's making: a stream made anew starts its sequence again. */
  streamId: string;
  lastSequence: number;
}

/** Where the log ends now. Throws a `BrokerFailure` while the broker is away. */
export async function readLogEnd(connection: Connection, stream: string): Promise<LogEnd> {
  if (!connection.isConnected) throw new BrokerFailure("the broker is away");
  try {
    const manager = await connection.nats.jetstreamManager({ checkAPI: false });
    const info = await manager.streams.info(stream);
    return { streamId: info.created, lastSequence: info.state.last_seq };
  } catch (error) {
    throw new BrokerFailure(`stream ${stream} cannot be read`, { cause: error });
  }
}

/** How many records are asked for at a time: each may be a megabyte. */
const RECORDS_AHEAD = 64;

/** Reads a log in order from a sequence on, without an end, until `stop`. The consumer is the server's to forget. */
export interface LogReading {
  records: AsyncIterable<LogRecord>;
  stop(): Promise<void>;
}

export async function readLog(
  connection: Connection,
  options: { stream: string; subjects: readonly string[]; startSequence: number },
): Promise<LogReading> {
  if (!connection.isConnected) throw new BrokerFailure("the broker is away");
  let messages: ConsumerMessages;
  try {
    const consumer = await connection.nats.jetstream().consumers.get(options.stream, {
      filterSubjects: [...options.subjects],
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: Math.max(1, options.startSequence),
    });
    messages = await consumer.consume({ max_messages: RECORDS_AHEAD });
  } catch (error) {
    throw new BrokerFailure(`stream ${options.stream} cannot be read`, { cause: error });
  }
  return {
    records: toRecords(messages),
    stop: async () => {
      await messages.close();
    },
  };
}

async function* toRecords(messages: ConsumerMessages): AsyncGenerator<LogRecord> {
  for await (const message of messages) {
    yield {
      sequence: message.seq,
      header: (name) => message.headers?.get(name) ?? "",
      text: () => message.string(),
    };
  }
}

/** The id (`Nats-Msg-Id`) of the message at a sequence, or null where it has none or is gone. */
export async function readLogMessageId(
  connection: Connection,
  stream: string,
  sequence: number,
): Promise<string | null> {
  if (!connection.isConnected) throw new BrokerFailure("the broker is away");
  try {
    const manager = await connection.nats.jetstreamManager({ checkAPI: false });
    const message = await manager.streams.getMessage(stream, { seq: sequence });
    return message.header.get("Nats-Msg-Id") || null;
  } catch (error) {
    throw new BrokerFailure(`message ${sequence} of stream ${stream} cannot be read`, { cause: error });
  }
}
