import { OPEN_USER, replyPrefix } from "@turno/contracts";
import { Failure } from "@turno/runtime";
import { setTimeout as pause } from "node:timers/promises";
import { connect, DebugEvents, Events, NatsError, type ConnectionOptions, type NatsConnection } from "nats";
import { parseBrokerAddress } from "./broker-address.ts";

/** The broker is away, refused, or did not answer in time. Nothing is known to be stored. */
export class BrokerFailure extends Failure {}

/** The broker knows the user, and does not permit this: see `libs/contracts/src/access.ts`. */
export class AccessFailure extends BrokerFailure {
  override readonly retryable = false;
}

/**
 * Returns a failure as an `AccessFailure` if the broker did not permit it, else as a `BrokerFailure` with these words.
 */
export function asBrokerFailure(message: string, cause: unknown): BrokerFailure {
  if (!(cause instanceof NatsError) || !cause.isPermissionError()) return new BrokerFailure(message, { cause });
  return new AccessFailure("the broker does not let this user do that", { cause });
}

/**
 * A connection that reconnects for ever. `isConnected` is ours, because the client buffers a publish without bound
 * while it is disconnected, and throws it away when it reconnects.
 */
export interface Connection {
  readonly nats: NatsConnection;
  readonly isConnected: boolean;
  /** Since when the broker is away; null if it is there. */
  readonly awaySince: Date | null;
  /** As whom it is connected. */
  readonly user: string;
  /** Resolves when the connection is gone for good; then the process should end. */
  readonly closed: Promise<void | Error>;
  /** Calls `listener` on each loss and return of the broker. */
  onStatusChange(listener: (isConnected: boolean) => void): void;
  /** Calls `listener` with each subject on which the broker does not let this user publish. */
  onPublishRefused(listener: (subject: string) => void): void;
  close(): Promise<void>;
}

export interface ConnectOptions {
  url: string;
  name: string;
  /** Called with each try that found no broker. */
  onWaiting?: (failure: BrokerFailure) => void;
  /** Ends the wait. */
  signal?: AbortSignal;
}

/** The client gives a silent connection up after two questions without an answer, 6 s at most, and opens a new one. */
const PING_EVERY_MS = 2_000;
const PINGS_UNANSWERED_MAX = 2;
/** From the first byte to the broker's greeting. */
const GREETING_MS_MAX = 3_000;
const RETRY_MS_LEAST = 250;
const RETRY_MS_MOST = 2_000;

/**
 * Connects as the user that the address names, and waits for a broker that is away. Replies come to subjects that the
 * broker lets nobody else listen to. Throws an `AccessFailure` if the broker refuses the user.
 */
export async function connectToNats(options: ConnectOptions): Promise<Connection> {
  const { servers, credentials } = parseBrokerAddress(options.url);
  const user = credentials?.user ?? OPEN_USER;
  const settings: ConnectionOptions = {
    servers,
    name: options.name,
    ...credentials,
    inboxPrefix: replyPrefix(user),
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 100,
    pingInterval: PING_EVERY_MS,
    maxPingOut: PINGS_UNANSWERED_MAX,
    timeout: GREETING_MS_MAX,
    noAsyncTraces: true,
  };
  const nats = await connectFirst(settings, options);
  return watch(nats, user);
}

/** Waits for a first connection. The client's own wait says nothing of why, and cannot be ended. */
async function connectFirst(
  settings: ConnectionOptions,
  { onWaiting, signal }: ConnectOptions,
): Promise<NatsConnection> {
  for (let tries = 0; ; tries++) {
    try {
      return await connect(settings);
    } catch (error) {
      const isSystems = (error as NodeJS.ErrnoException).syscall !== undefined;
      if (!(error instanceof NatsError) && !isSystems) throw error;
      if (error instanceof NatsError && error.isAuthError()) {
        throw new AccessFailure(`the broker refuses user "${settings.user ?? ""}": is its password right?`);
      }
      onWaiting?.(new BrokerFailure("no broker answers at NATS_URL", { cause: error }));
    }
    const mostMs = Math.min(RETRY_MS_MOST, RETRY_MS_LEAST * 2 ** Math.min(tries, 10));
    await pause(mostMs * (0.5 + Math.random() / 2), undefined, signal === undefined ? {} : { signal });
  }
}

function watch(nats: NatsConnection, user: string): Connection {
  let awaySince: Date | null = null;
  const listeners: ((isConnected: boolean) => void)[] = [];
  const refusalListeners: ((subject: string) => void)[] = [];
  const change = (next: boolean) => {
    if ((awaySince === null) === next) return;
    awaySince = next ? null : new Date();
    for (const listener of listeners) listener(next);
  };
  const follow = async () => {
    for await (const status of nats.status()) {
      if (status.type === Events.Disconnect || status.type === DebugEvents.StaleConnection) change(false);
      if (status.type === Events.Reconnect) change(true);
      const refused = status.permissionContext;
      if (refused?.operation !== "publish") continue;
      for (const listener of refusalListeners) listener(refused.subject);
    }
  };
  void follow();
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
    user,
    closed,
    onStatusChange: (listener) => void listeners.push(listener),
    onPublishRefused: (listener) => void refusalListeners.push(listener),
    close: () => nats.close(),
  };
}
