import { Failure } from "@turno/runtime";
import { BrokerFailure, asBrokerFailure, type Connection } from "./connection.ts";

/** The oldest server whose JetStream API can be strict, and that can sync before it acknowledges. */
const SERVER_VERSION_MIN = [2, 11] as const;
const REQUEST_TIMEOUT_MS = 2_000;

/** JetStream's codes for refusals that we tell apart. */
export const ERROR_CODES = {
  nameInUse: 10058,
  streamNotFound: 10059,
  consumerNotFound: 10014,
  noStorage: 10047,
  invalidJson: 10025,
} as const;

/** The server is too old to keep what it acknowledges, or for what it is asked. */
export class ServerVersionFailure extends Failure {
  override readonly retryable = false;
}

/** JetStream refused a stream or a consumer for a reason that waiting does not cure. */
export class StreamRefusedFailure extends Failure {
  override readonly retryable = false;
}

/**
 * The server took a definition and made something else of it, as old servers do with settings that they do not know.
 */
export class StreamSettingFailure extends Failure {
  override readonly retryable = false;
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

export interface ApiError {
  code: number;
  err_code?: number;
  description?: string;
}

export interface ApiReply {
  config?: Record<string, unknown>;
  created?: string;
  state?: { bytes: number; messages?: number; first_ts?: string };
  /** Only if the server belongs to a cluster. */
  cluster?: { leader?: string };
  error?: ApiError;
}

/**
 * Calls the JetStream API directly, because the client's types do not know the newer settings. Throws a `BrokerFailure`
 * while the broker is away or JetStream has no leader; other refusals are in the reply.
 */
export async function callApi<Reply extends ApiReply = ApiReply>(
  connection: Connection,
  verb: string,
  body: object,
): Promise<Reply> {
  if (!connection.isConnected) throw new BrokerFailure("the broker is away");
  let reply: Reply;
  try {
    const message = await connection.nats.request(`$JS.API.${verb}`, JSON.stringify(body), {
      timeout: REQUEST_TIMEOUT_MS,
    });
    reply = message.json<Reply>();
  } catch (error) {
    // No responders means that JetStream has no leader yet or is not enabled.
    throw asBrokerFailure(`JetStream does not answer ${verb}`, error);
  }
  if (reply.error?.code === 503) {
    throw new BrokerFailure(`JetStream is not ready: ${reply.error.description ?? "no reason given"}`);
  }
  return reply;
}

/** Returns a refusal as a failure that names what was refused and JetStream's reason. */
export function refused(what: string, { description, err_code, code }: ApiError): StreamRefusedFailure {
  const advice =
    err_code === ERROR_CODES.noStorage
      ? ": lower INBOUND_BYTES_MAX or EVENTS_BYTES_MAX, or give JetStream more (max_file_store)"
      : "";
  return new StreamRefusedFailure(
    `${what}: JetStream refused it: ${description ?? "no reason given"} (${err_code ?? code})${advice}`,
  );
}

/** Returns the settings that the server reports otherwise than asked. */
export function differences(
  asked: Readonly<Record<string, unknown>>,
  echoed: Readonly<Record<string, unknown>> = {},
): { setting: string; asked: unknown; echoed: unknown }[] {
  return Object.entries(asked)
    .filter(([setting, value]) => JSON.stringify(value) !== JSON.stringify(echoed[setting]))
    .map(([setting, value]) => ({ setting, asked: value, echoed: echoed[setting] }));
}

/** Returns the server's version; throws a `ServerVersionFailure` if it is too old. */
export function serverVersion(connection: Connection): readonly [number, number] {
  const text = connection.nats.info?.version ?? "";
  const parts = /^(\d+)\.(\d+)\./.exec(text);
  if (parts === null) throw new BrokerFailure("the broker has not said its version yet");
  const version = [Number(parts[1]), Number(parts[2])] as const;
  if (!isAtLeast(version, SERVER_VERSION_MIN)) {
    throw new ServerVersionFailure(
      `nats-server ${text} takes requests that it does not understand: at least ${SERVER_VERSION_MIN.join(".")} is needed`,
    );
  }
  return version;
}

/** The server that was found strict, by its id: it is asked once for each connection to it. */
const strictServers = new WeakMap<Connection, string>();

/**
 * Throws a `ServerVersionFailure` if JetStream takes requests with members that it does not know. What a service stores is
 * then a request, too, where somebody has it delivered to JetStream's API.
 */
export async function requireStrictApi(connection: Connection, stream: string): Promise<void> {
  const serverId = connection.nats.info?.server_id;
  if (serverId !== undefined && strictServers.get(connection) === serverId) return;
  // Creates nothing either way: the name is not the subject's. A cluster looks for what STREAM.INFO names before it reads on.
  const asked = { name: `not-${stream}`, turno_unknown: true };
  const { error } = await callApi(connection, `STREAM.CREATE.${stream}`, asked);
  if (error?.err_code === ERROR_CODES.invalidJson) {
    if (serverId !== undefined) strictServers.set(connection, serverId);
    return;
  }
  throw new ServerVersionFailure(
    "JetStream's API takes what it does not know: set `strict: true` in nats-server's `jetstream`, as it is by default from 2.12 on",
  );
}

/** Throws a `ServerVersionFailure` if the server is too old for what is asked. */
export function requireVersion(
  version: readonly [number, number],
  minimum: readonly [number, number],
  what: string,
): void {
  if (isAtLeast(version, minimum)) return;
  throw new ServerVersionFailure(
    `nats-server ${version.join(".")} is too old for ${what}: at least ${minimum.join(".")} is needed`,
  );
}

export function isAtLeast(version: readonly [number, number], minimum: readonly [number, number]): boolean {
  return version[0] > minimum[0] || (version[0] === minimum[0] && version[1] >= minimum[1]);
}
