import {
  BrokerFailure,
  connectToNats,
  createPublisher,
  INBOUND_STREAM,
  MESSAGE_BYTES_MAX,
  provisionStream,
  PublishFailure,
  type Connection,
  type Publisher,
} from "@turno/messaging";
import type { Logger } from "@turno/runtime";

/** The way to `INBOUND`: there from the first moment, refusing until the broker is there and the stream is provisioned. */
export interface InboundLog extends Pick<Publisher, "publish"> {
  readonly isConnected: boolean;
  /** What keeps it from storing, in words for an operator; null while it can. */
  readonly obstacle: string | null;
  /** Resolves when the stream is there for the first time; rejects when the server will not have it as it must be. */
  readonly provisioned: Promise<void>;
  /** Rejects when the log cannot be used any more and the process must start anew. */
  readonly failed: Promise<never>;
  close(): Promise<void>;
}

export interface InboundLogOptions {
  url: string;
  replicas?: number | undefined;
  bytesMax?: number | undefined;
}

const NO_RESPONDERS = 503;

export function openInboundLog(options: InboundLogOptions, logger: Logger): InboundLog {
  let connection: Connection | undefined;
  let publisher: Publisher | undefined;
  let isProvisioned = false;
  let isProvisioning = false;
  let isClosed = false;
  const first = Promise.withResolvers<void>();
  const failure = Promise.withResolvers<never>();
  for (const promise of [first.promise, failure.promise]) promise.catch(() => undefined);
  const fail = (error: unknown) => {
    if (isClosed) return;
    first.reject(error);
    failure.reject(error);
  };

  const provision = async (to: Connection) => {
    if (isProvisioning) return;
    isProvisioning = true;
    try {
      await provisionWhileConnected(to, options, logger);
      if (!to.isConnected) return;
      isProvisioned = true;
      first.resolve();
    } catch (error) {
      fail(error);
    } finally {
      isProvisioning = false;
    }
  };

  const open = async () => {
    const opened = await connectToNats({ url: options.url, name: "turno-gateway" });
    if (isClosed) return opened.close();
    connection = opened;
    publisher = createPublisher(opened);
    opened.onStatusChange((isConnected) => {
      if (isClosed) return;
      if (!isConnected) return logger.warn("the broker went away");
      logger.info("the broker is back");
      // It may have come back without its store.
      void provision(opened);
    });
    void opened.closed.then((error) => fail(new BrokerFailure("the connection closed for good", { cause: error })));
    await provision(opened);
  };
  open().catch(fail);

  return {
    get isConnected() {
      return connection?.isConnected ?? false;
    },
    get obstacle() {
      if (connection?.isConnected !== true) return "the broker is away";
      return isProvisioned ? null : "the inbound stream is not provisioned yet";
    },
    provisioned: first.promise,
    failed: failure.promise,
    async publish(subject, payload, publishOptions) {
      if (connection === undefined || publisher === undefined) throw new BrokerFailure("the broker is away");
      try {
        return await publisher.publish(subject, payload, publishOptions);
      } catch (error) {
        // Nobody listens on the subject: the stream was deleted, or the server lost it.
        if (error instanceof PublishFailure && error.errorCode === NO_RESPONDERS) void provision(connection);
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

/** Ends when the stream is there, or when the broker goes away; its return calls again. */
async function provisionWhileConnected(to: Connection, options: InboundLogOptions, logger: Logger): Promise<void> {
  const bytesMax = to.nats.info?.max_payload ?? 0;
  if (bytesMax < MESSAGE_BYTES_MAX) {
    logger.warn({ bytesMax, bytesWanted: MESSAGE_BYTES_MAX }, "max_payload of the broker is small for large updates");
  }
  while (to.isConnected) {
    try {
      const stream = await provisionStream(to, INBOUND_STREAM, {
        ...(options.replicas === undefined ? {} : { replicas: options.replicas }),
        ...(options.bytesMax === undefined ? {} : { bytesMax: options.bytesMax }),
        waitMsMax: 5_000,
      });
      if (stream.wasCreated) logger.info({ stream: stream.name }, "stream created");
      return;
    } catch (error) {
      if (!(error instanceof BrokerFailure && error.retryable)) throw error;
      logger.warn({ err: error }, "the inbound stream cannot be provisioned yet");
    }
  }
}
