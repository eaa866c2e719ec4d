import { connect, DebugEvents, Events, type NatsConnection } from "nats";

/** The broker is away, refused, or did not answer in time. Nothing is known to be stored. */
export class BrokerFailure extends Error {
  /** Whether the same call may succeed later without anybody's change. */
  readonly retryable: boolean = true;
}

/**
 * A connection that comes back for ever. `isConnected` is ours, because a publish made while the client is
 * disconnected is buffered without bound and thrown away on reconnect.
 */
export interface Connection {
  readonly nats: NatsConnection;
  readonly isConnected: boolean;
  /** Resolves when the connection is gone for good; the process should then end. */
  readonly closed: Promise<void | Error>;
  /** Calls `listener` on each loss and return of the broker. */
  onStatusChange(listener: (isConnected: boolean) => void): void;
  close(): Promise<void>;
}

export async function connectToNats(options: { url: string; name: string }): Promise<Connection> {
  const nats = await connect({
    servers: options.url.split(","),
    name: options.name,
    maxReconnectAttempts: -1,
    waitOnFirstConnect: true,
    reconnectTimeWait: 250,
    reconnectJitter: 100,
    pingInterval: 10_000,
    maxPingOut: 2,
    noAsyncTraces: true,
  });
  let isConnected = true;
  const listeners: ((isConnected: boolean) => void)[] = [];
  const change = (next: boolean) => {
    if (isConnected === next) return;
    isConnected = next;
    for (const listener of listeners) listener(next);
  };
  const watch = async () => {
    for await (const status of nats.status()) {
      if (status.type === Events.Disconnect || status.type === DebugEvents.StaleConnection) change(false);
      if (status.type === Events.Reconnect) change(true);
    }
  };
  void watch();
  const closed = nats.closed().then((error) => {
    change(false);
    return error ?? undefined;
  });
  return {
    nats,
    get isConnected() {
      return isConnected;
    },
    closed,
    onStatusChange: (listener) => void listeners.push(listener),
    close: () => nats.close(),
  };
}
