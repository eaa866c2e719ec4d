import { EVENT_SUBJECTS, INBOUND_SUBJECTS, STREAMS } from "@turno/contracts";
import { setTimeout as pause } from "node:timers/promises";
import { BrokerFailure, asBrokerFailure, type Connection } from "./connection.ts";

const NANOSECONDS_PER_MS = 1_000_000;
const DAY_MS = 24 * 60 * 60 * 1000;
const MIB = 1024 * 1024;

/** The oldest server that can be told to sync before it acknowledges (`sync_interval: always`). */
const SERVER_VERSION_MIN = [2, 10] as const;
/** The oldest server that knows `persist_mode`. */
const PERSIST_MODE_VERSION_MIN = [2, 12] as const;

/** The largest message that our servers are set to take (`max_payload`); headers count. */
export const MESSAGE_BYTES_MAX = 8 * MIB;

type Setting = string | number | boolean | readonly string[];

/** A stream as we ask for it, in the words of the JetStream API; durations are nanoseconds. What is not asked is not touched. */
export interface StreamDefinition {
  name: string;
  settings: Readonly<Record<string, Setting>>;
  /** Settings that a server takes only when it creates the stream, from the given version on, and for a single replica. */
  settingsAtCreation?: { versionMin: readonly [number, number]; settings: Readonly<Record<string, Setting>> };
}

/** What Meta sent, kept longer than it resends (7 days); a full stream refuses, so that nothing unread is deleted. */
export const INBOUND_STREAM: StreamDefinition = {
  name: STREAMS.inbound,
  settings: {
    subjects: [INBOUND_SUBJECTS],
    retention: "limits",
    storage: "file",
    discard: "new",
    max_age: 8 * DAY_MS * NANOSECONDS_PER_MS,
    // Records carry no id, because Postgres decides what is a repetition: a longer window would only cost memory.
    duplicate_window: 10_000 * NANOSECONDS_PER_MS,
    max_msg_size: MESSAGE_BYTES_MAX - 64 * 1024,
  },
};

/** What happened here. It need not sync each message, because the relay publishes again what a power cut took. */
export const EVENTS_STREAM: StreamDefinition = {
  name: STREAMS.events,
  settings: {
    subjects: [EVENT_SUBJECTS],
    retention: "limits",
    storage: "file",
    discard: "old",
    max_age: 30 * DAY_MS * NANOSECONDS_PER_MS,
    duplicate_window: 120_000 * NANOSECONDS_PER_MS,
  },
  settingsAtCreation: { versionMin: PERSIST_MODE_VERSION_MIN, settings: { persist_mode: "async" } },
};

/** The server took a definition and made something else of it, as old servers do with settings that they do not know. */
export class StreamSettingFailure extends Error {
  readonly retryable = false;
  readonly stream: string;
  readonly setting: string;
  readonly asked: unknown;
  readonly echoed: unknown;

  constructor(mismatch: { stream: string; setting: string; asked: unknown; echoed: unknown }) {
    const { stream, setting, asked, echoed } = mismatch;
    super(
      `stream ${stream}: ${setting} was asked as ${JSON.stringify(asked)}, the server made it ${JSON.stringify(echoed)}`,
    );
    this.stream = stream;
    this.setting = setting;
    this.asked = asked;
    this.echoed = echoed;
  }
}

/** The server is too old to keep what it acknowledges. */
export class ServerVersionFailure extends Error {
  readonly retryable = false;
}

/** JetStream refused a stream for a reason that waiting does not cure. */
export class StreamRefusedFailure extends Error {
  readonly retryable = false;
}

interface StreamReply {
  config?: Record<string, unknown>;
  state?: { last_seq: number };
  created?: string;
  error?: { code: number; err_code?: number; description?: string };
}

export interface ProvisionedStream {
  name: string;
  /** ISO 8601; together with the name it identifies the stream's life: a stream made anew starts its sequence again. */
  createdAt: string;
  wasCreated: boolean;
}

export interface ProvisionOptions {
  /** Asked only where given; a new stream has one replica otherwise. */
  replicas?: number;
  /** Limit of the stream's size; asked only where given. */
  bytesMax?: number;
  /** How long an absent broker or a missing leader is waited for. */
  waitMsMax?: number;
}

const REQUEST_TIMEOUT_MS = 2_000;
const RETRY_WAIT_MS_MIN = 100;
const RETRY_WAIT_MS_MAX = 2_000;
const NAME_IN_USE = 10058;
const STREAM_NOT_FOUND = 10059;

/**
 * Creates the stream or brings the existing one to the definition, then compares every asked setting with what the
 * server says it has. Waits for a broker that is away or has no leader yet. Throws a `ServerVersionFailure`, a
 * `StreamSettingFailure`, a `StreamRefusedFailure`, or a `BrokerFailure` when the waiting took too long.
 */
export async function provisionStream(
  connection: Connection,
  definition: StreamDefinition,
  options: ProvisionOptions = {},
): Promise<ProvisionedStream> {
  const deadline = performance.now() + (options.waitMsMax ?? 60_000);
  let waitMs = RETRY_WAIT_MS_MIN;
  for (;;) {
    try {
      return await provisionOnce(connection, definition, options);
    } catch (error) {
      if (!(error instanceof BrokerFailure) || !error.retryable || performance.now() + waitMs > deadline) throw error;
    }
    await pause(waitMs);
    waitMs = Math.min(waitMs * 2, RETRY_WAIT_MS_MAX);
  }
}

async function provisionOnce(
  connection: Connection,
  definition: StreamDefinition,
  options: ProvisionOptions,
): Promise<ProvisionedStream> {
  const version = serverVersion(connection);
  const { name } = definition;
  const asked: Record<string, Setting> = { name, ...definition.settings };
  if (options.replicas !== undefined) asked["num_replicas"] = options.replicas;
  if (options.bytesMax !== undefined) asked["max_bytes"] = options.bytesMax;

  const existing = await callApi(connection, `STREAM.INFO.${name}`, {});
  if (existing.error === undefined) {
    const isAsAsked = differences(asked, existing.config).length === 0;
    const reply = isAsAsked
      ? existing
      : await callApi(connection, `STREAM.UPDATE.${name}`, { ...existing.config, ...asked });
    return settled(name, asked, reply, false);
  }
  if (existing.error.err_code !== STREAM_NOT_FOUND) throw refusal(name, existing.error);

  const atCreation = definition.settingsAtCreation;
  if (atCreation !== undefined && isAtLeast(version, atCreation.versionMin) && (options.replicas ?? 1) === 1) {
    Object.assign(asked, atCreation.settings);
  }
  const created = await callApi(connection, `STREAM.CREATE.${name}`, { num_replicas: 1, ...asked });
  // Another process made it in between: the next round finds it and compares.
  if (created.error?.err_code === NAME_IN_USE) throw new BrokerFailure(`stream ${name} was just created elsewhere`);
  return settled(name, asked, created, true);
}

function settled(
  name: string,
  asked: Record<string, Setting>,
  reply: StreamReply,
  wasCreated: boolean,
): ProvisionedStream {
  if (reply.error !== undefined) throw refusal(name, reply.error);
  const [first] = differences(asked, reply.config);
  if (first !== undefined) throw new StreamSettingFailure({ stream: name, ...first });
  return { name, createdAt: reply.created ?? "", wasCreated };
}

function differences(
  asked: Record<string, Setting>,
  echoed: Record<string, unknown> = {},
): { setting: string; asked: unknown; echoed: unknown }[] {
  return Object.entries(asked)
    .filter(([setting, value]) => JSON.stringify(value) !== JSON.stringify(echoed[setting]))
    .map(([setting, value]) => ({ setting, asked: value, echoed: echoed[setting] }));
}

function refusal(name: string, error: NonNullable<StreamReply["error"]>): StreamRefusedFailure {
  return new StreamRefusedFailure(
    `stream ${name}: JetStream refused it: ${error.description ?? "no reason given"} (${error.err_code ?? error.code})`,
  );
}

/** The API is called raw, because the client's types do not know the newer settings. */
async function callApi(connection: Connection, verb: string, body: object): Promise<StreamReply> {
  if (!connection.isConnected) throw new BrokerFailure("the broker is away");
  let reply: StreamReply;
  try {
    const message = await connection.nats.request(`$JS.API.${verb}`, JSON.stringify(body), {
      timeout: REQUEST_TIMEOUT_MS,
    });
    reply = message.json<StreamReply>();
  } catch (error) {
    // No responders means that JetStream has no leader yet or is not enabled.
    throw asBrokerFailure(`JetStream does not answer ${verb}`, error);
  }
  if (reply.error?.code === 503) {
    throw new BrokerFailure(`JetStream is not ready: ${reply.error.description ?? "no reason given"}`);
  }
  return reply;
}

function serverVersion(connection: Connection): readonly [number, number] {
  const text = connection.nats.info?.version ?? "";
  const parts = /^(\d+)\.(\d+)\./.exec(text);
  if (parts === null) throw new BrokerFailure("the broker has not said its version yet");
  const version = [Number(parts[1]), Number(parts[2])] as const;
  if (!isAtLeast(version, SERVER_VERSION_MIN)) {
    throw new ServerVersionFailure(
      `nats-server ${text} acknowledges what a power cut takes away: at least ${SERVER_VERSION_MIN.join(".")} is needed`,
    );
  }
  return version;
}

function isAtLeast(version: readonly [number, number], minimum: readonly [number, number]): boolean {
  return version[0] > minimum[0] || (version[0] === minimum[0] && version[1] >= minimum[1]);
}
