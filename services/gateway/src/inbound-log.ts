import {
  BrokerFailure,
  connectToNats,
  createPublisher,
  INBOUND_STREAM,
  MESSAGE_BYTES_MAX,
  PublishFailure,
  waitForStream,
  type Connection,
  type Publisher,
} from "@turno/messaging";
import type { Logger } from "@turno/runtime";

/** The way to `INBOUND`: there from the first moment, refusing until the broker and the stream are there. */
export interface InboundLog extends Pick<Publisher, "publish"> {
  readonly isConnected: boolean;
  /** What keeps it from storing, in words for an operator; null while it can. */
  readonly obstacle: string | null;
  /** Resolves when the stream is there for the first time; rejects where it is not what it must be. */
  readonly found: Promise<void>;
  /** Rejects when the log cannot be used any more and the process must start anew. */
  readonly failed: Promise<never>;
  close(): Promise<void>;
}

const NO_RESPONDERS = 503;

export function openInboundLog(url: string, logger: Logger): InboundLog {
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
    warnOfSmallPayload(opened, logger);
    stream.look(opened);
  };
  open().catch(fail);

  return {
    get isConnected() {
      return connection?.isConnected ?? false;
    },
    get obstacle() {
      return connection?.isConnected === true ? stream.obstacle : "the broker is away";
    },
    found: first.promise,
    failed: failure.promise,
    async publish(subject, payload, publishOptions) {
      if (connection === undefined || publisher === undefined) throw new BrokerFailure("the broker is away");
      try {
        return await publisher.publish(subject, payload, publishOptions);
      } catch (error) {
        // Nobody listens on the subject: the stream was deleted, or the server lost it.
        if (error instanceof PublishFailure && error.errorCode === NO_RESPONDERS) stream.look(connection);
        throw error;
      }
    },
    async close() {
      isClosed = true;
      publisher?.close();
      await connection?.close();
    },
  };
}

/** Looks, when it is told to, until the stream is there. What it finds for good goes to `onRefused`. */
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

function warnOfSmallPayload({ nats }: Connection, logger: Logger): void {
  const bytesMax = nats.info?.max_payload ?? 0;
  if (bytesMax >= MESSAGE_BYTES_MAX) return;
  logger.warn({ bytesMax, bytesWanted: MESSAGE_BYTES_MAX }, "max_payload of the broker is small for large updates");
}
