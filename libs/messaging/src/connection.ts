import { inboxPrefix } from "@turno/contracts";
import { connect, DebugEvents, Events, NatsError, type NatsConnection } from "nats";
import { parseBrokerAddress } from "./broker-address.ts";

/** The broker is away, refused, or did not answer in time. Nothing is known to be stored. */
export class BrokerFailure extends Error {
  /** Whether the same call may succeed later without anybody's change. */
  readonly retryable: boolean = true;
}

/** The broker knows who asks, and does not let it do this: see `libs/contracts/src/access.ts`. */
export class AccessFailure extends BrokerFailure {
  override readonly retryable = false;
}

/** What failed by the broker's permissions as an `AccessFailure`, and anything else as a `BrokerFailure` of these words. */
export function asBrokerFailure(message: string, cause: unknown): BrokerFailure {
  if (!(cause instanceof NatsError) || !cause.isPermissionError()) return new BrokerFailure(message, { cause });
  return new AccessFailure("the broker does not let this user do that", { cause });
}

/**
 * A connection that comes back for ever. `isConnected` is ours, because a publish made while the client is
 * disconnected is buffered without bound and thrown away on reconnect.
 */
export interface Connection {
  readonly nats: NatsConnection;
  readonly isConnected: boolean;
  /** Since when the broker is away; null while it is there. */
  readonly awaySince: Date | null;
  /** What the subjects begin with on which replies come in. */
  readonly inboxPrefix: string;
  /** Resolves when the connection is gone for good; the process should then end. */
  readonly closed: Promise<void | Error>;
  /** Calls `listener` on each loss and return of the broker. */
  onStatusChange(listener: (isConnected: boolean) => void): void;
  /** Calls `listener` with each subject on which the broker does not let this user publish. */
  onPublishRefused(listener: (subject: string) => void): void;
  close(): Promise<void>;
}

/**
 * Connects as the user that the address names, and waits for a broker that is away. A user takes replies on subjects that
 * the broker lets nobody else listen to. Throws an `AccessFailure` where the broker refuses the user.
 */
export async function connectToNats(options: { url: string; name: string }): Promise<Connection> {
  const { servers, credentials } = parseBrokerAddress(options.url);
  const inbox = credentials === null ? "_INBOX" : inboxPrefix(credentials.user);
  const nats = await connect({
    servers,
    name: options.name,
    ...credentials,
    inboxPrefix: inbox,
    maxReconnectAttempts: -1,
    waitOnFirstConnect: true,
    reconnectTimeWait: 250,
    reconnectJitter: 100,
    pingInterval: 10_000,
    maxPingOut: 2,
    noAsyncTraces: true,
  }).catch((error: unknown) => {
    if (!(error instanceof NatsError) || !error.isAuthError()) throw error;
    throw new AccessFailure(`the broker refuses user "${credentials?.user ?? ""}": is its password right?`);
  });
  let awaySince: Date | null = null;
  const listeners: ((isConnected: boolean) => void)[] = [];
  const refusalListeners: ((subject: string) => void)[] = [];
  const change = (next: boolean) => {
    if ((awaySince === null) === next) return;
    awaySince = next ? null : new Date();
    for (const listener of listeners) listener(next);
  };
  const watch = async () => {
    for await (const status of nats.status()) {
      if (status.type === Events.Disconnect || status.type === DebugEvents.StaleConnection) change(false);
      if (status.type === Events.Reconnect) change(true);
      const refused = status.permissionContext;
      if (refused?.operation !== "publish") continue;
      for (const listener of refusalListeners) listener(refused.subject);
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
      return awaySince === null;
    },
    get awaySince() {
      return awaySince;
    },
    inboxPrefix: inbox,
    closed,
    onStatusChange: (listener) => void listeners.push(listener),
    onPublishRefused: (listener) => void refusalListeners.push(listener),
    close: () => nats.close(),
  };
}
