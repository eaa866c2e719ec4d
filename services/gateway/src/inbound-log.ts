import { INBOUND_HEADERS, inboundPartsSubject, PROBE_FORMAT } from "@turno/contracts";
import {
  BrokerFailure,
  connectToNats,
  createPublisher,
  INBOUND_MESSAGE_BYTES_MAX,
  INBOUND_STREAM,
  PublishFailure,
  waitForStream,
  type Connection,
  type Publisher,
} from "@turno/messaging";
import type { Logger } from "@turno/runtime";
import { watchStoring } from "./storing.ts";

/** The way to `INBOUND`. It exists from the first moment, and refuses until broker and stream are there. */
export interface InboundLog extends Pick<Publisher, "publish"> {
  readonly isConnected: boolean;
  /** The largest payload of a record that the broker takes; a larger line is divided. */
  readonly recordBytesMax: number;
  /** What keeps it from storing, in words for an operator; null if nothing does. */
  readonly obstacle: string | null;
  /** Resolves when the stream is there for the first time; rejects if it has other settings than it needs. */
  readonly found: Promise<void>;
  /** Rejects when the log is of no use any more, and the process must be started again. */
  readonly failed: Promise<never>;
  close(): Promise<void>;
}

const NO_RESPONDERS = 503;
/** The room for a record's headers: a partition for each of its lines, and what NATS adds. */
const HEADERS_BYTES_MAX = 16 * 1024;
const PROBE = { headers: { [INBOUND_HEADERS.format]: PROBE_FORMAT }, timeoutMs: 2_000 };

/** `onBroker` is called when the broker is there for the first time. */
export function openInboundLog(
  url: string,
  logger: Logger,
  onBroker: (connection: Connection) => void = () => undefined,
): InboundLog {
  let connection: Connection | undefined;
  let publisher: Publisher | undefined;
  let isClosed = false;
  const first = Promise.withResolvers<void>();
  const failure = Promise.withResolvers<never>();
  for (const promise of [first.promise, failure.promise]) promise.catch(() => undefined);
  const fail = (error: unknown) => {
    if (isClosed) return;
    first.reject(error);
    failure.reject(error);
  };
  const stream = watchStream(logger, first.resolve, fail);
  const publish: Publisher["publish"] = async (subject, payload, options) => {
    if (connection === undefined || publisher === undefined) throw new BrokerFailure("the broker is away");
    try {
      return await publisher.publish(subject, payload, options);
    } catch (error) {
      // Nobody listens on the subject: the stream was deleted, or the server lost it.
      if (error instanceof PublishFailure && error.errorCode === NO_RESPONDERS) stream.look(connection);
      throw error;
    }
  };
  const storing = watchStoring(
    () => publish(inboundPartsSubject(), "", PROBE),
    (error) => logger.warn({ err: error }, "the log does not store"),
  );

  const open = async () => {
    const opened = await connectToNats({ url, name: "turno-gateway" });
    if (isClosed) return opened.close();
    connection = opened;
    publisher = createPublisher(opened);
    opened.onStatusChange((isConnected) => {
      if (isClosed) return;
      if (!isConnected) return logger.warn("the broker went away");
      logger.info("the broker is back");
      // It may have come back without its store.
      stream.look(opened);
    });
    void opened.closed.then((error) => fail(new BrokerFailure("the connection closed for good", { cause: error })));
    stream.look(opened);
    onBroker(opened);
  };
  open().catch(fail);

  return {
    get isConnected() {
      return connection?.isConnected ?? false;
    },
    get recordBytesMax() {
      const bytesMax = connection?.nats.info?.max_payload ?? INBOUND_MESSAGE_BYTES_MAX;
      return Math.min(bytesMax, INBOUND_MESSAGE_BYTES_MAX) - HEADERS_BYTES_MAX;
    },
    get obstacle() {
      if (connection?.isConnected !== true) return "the broker is away";
      return stream.obstacle ?? storing.obstacle;
    },
    found: first.promise,
    failed: failure.promise,
    publish: (subject, payload, options) => storing.attempt(() => publish(subject, payload, options)),
    async close() {
      isClosed = true;
      await storing.stop();
      publisher?.close();
      await connection?.close();
    },
  };
}

/** Looks for the stream when it is told to, until it is there. Passes to `onRefused` what waiting does not cure. */
function watchStream(logger: Logger, onFound: () => void, onRefused: (error: unknown) => void) {
  let obstacle: string | null = "the inbound stream has not been looked at yet";
  let isLooking = false;
  const look = async (connection: Connection) => {
    if (isLooking) return;
    isLooking = true;
    try {
      await waitForStream(connection, INBOUND_STREAM, (reason) => {
        obstacle = reason.message;
        if (connection.isConnected) logger.warn({ err: reason }, "the inbound stream is not there yet");
      });
      obstacle = null;
      onFound();
    } catch (error) {
      onRefused(error);
    } finally {
      isLooking = false;
    }
  };
  return {
    get obstacle() {
      return obstacle;
    },
    look: (connection: Connection) => void look(connection),
  };
}
