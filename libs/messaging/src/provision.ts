import { FOLLOWERS } from "@turno/contracts";
import { setTimeout as pause } from "node:timers/promises";
import { BrokerFailure, type Connection } from "./connection.ts";
import { provisionFollower } from "./follower.ts";
import {
  callApi,
  differences,
  ERROR_CODES,
  isAtLeast,
  refused,
  requireStrictApi,
  requireVersion,
  serverVersion,
  StreamSettingFailure,
  type ApiReply,
} from "./stream-api.ts";
import { EVENTS_STREAM, INBOUND_STREAM, type Setting, type StreamDefinition } from "./stream-definitions.ts";

export interface ProvisionedStream {
  name: string;
  /** ISO 8601; together with the name it identifies the stream's life: a recreated stream starts its sequence again. */
  createdAt: string;
  wasCreated: boolean;
}

export interface StreamSize {
  /** Asked for only if given; otherwise a new stream has one replica. */
  replicas?: number | undefined;
  /** Limit of the stream's size; asked for only if given. */
  bytesMax?: number | undefined;
}

export interface ProvisionOptions extends StreamSize {
  /** How long to wait for an absent broker or a missing leader. */
  waitMsMax?: number;
}

const RETRY_WAIT_MS_MIN = 100;
const RETRY_WAIT_MS_MAX = 2_000;

/** Something that only the provisioner creates, and creates again when it is lost. */
export interface ProvisionedPart {
  name: string;
  /**
   * Brings it to its definition, whatever exists. Returns whether it had to be created. Safe to repeat, also by several
   * at once.
   */
  provision(connection: Connection, options?: { waitMsMax?: number }): Promise<boolean>;
}

/** Lists both streams, then the durable consumer of each follower. */
export function listProvisionedParts(sizes: { inbound?: StreamSize; events?: StreamSize } = {}): ProvisionedPart[] {
  const stream = (definition: StreamDefinition, size: StreamSize = {}): ProvisionedPart => ({
    name: definition.name,
    provision: async (connection, options) =>
      (await provisionStream(connection, definition, { ...size, ...options })).wasCreated,
  });
  return [
    stream(INBOUND_STREAM, sizes.inbound),
    stream(EVENTS_STREAM, sizes.events),
    ...FOLLOWERS.map((user) => ({
      name: user,
      provision: (connection: Connection) => provisionFollower(connection, user),
    })),
  ];
}

/** Provisions all parts once. */
export async function provisionAll(connection: Connection): Promise<void> {
  for (const part of listProvisionedParts()) await part.provision(connection);
}

/**
 * Creates the stream or brings the existing one to its definition, then compares every setting that it asked for with
 * the server's. Waits for a broker that is away or has no leader yet. Throws a `ServerVersionFailure`, a
 * `StreamSettingFailure`, a `StreamRefusedFailure`, or a `BrokerFailure` if the wait took too long.
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
  await requireStrictApi(connection, name);
  const asked: Record<string, Setting> = { name, ...definition.settings };
  const { settingsReplicated: replicated } = definition;
  if (replicated !== undefined && (options.replicas ?? 1) > 1) {
    requireVersion(version, replicated.versionMin, `several replicas of ${name}`);
    Object.assign(asked, replicated.settings);
  }
  if (options.replicas !== undefined) asked["num_replicas"] = options.replicas;
  if (options.bytesMax !== undefined) asked["max_bytes"] = options.bytesMax;

  let existing = await callApi(connection, `STREAM.INFO.${name}`, {});
  if (mustBeRecreated(definition, options, existing)) {
    await callApi(connection, `STREAM.DELETE.${name}`, {});
    existing = await callApi(connection, `STREAM.INFO.${name}`, {});
  }
  if (existing.error === undefined) {
    // One that no server leads is as it was asked, and takes nothing.
    if (existing.cluster !== undefined && !existing.cluster.leader) {
      throw new BrokerFailure(`stream ${name} has no leader`);
    }
    const isAsAsked = differences(asked, existing.config).length === 0;
    const reply = isAsAsked
      ? existing
      : await callApi(connection, `STREAM.UPDATE.${name}`, { ...existing.config, ...asked });
    return settled(name, asked, reply, false);
  }
  if (existing.error.err_code !== ERROR_CODES.streamNotFound) throw refused(`stream ${name}`, existing.error);

  const atCreation = definition.settingsAtCreation;
  if (atCreation !== undefined && isAtLeast(version, atCreation.versionMin) && (options.replicas ?? 1) === 1) {
    Object.assign(asked, atCreation.settings);
  }
  const created = await callApi(connection, `STREAM.CREATE.${name}`, { num_replicas: 1, ...asked });
  // Another process made it in between: the next round finds it and compares.
  if (created.error?.err_code === ERROR_CODES.nameInUse) {
    throw new BrokerFailure(`stream ${name} was just created elsewhere`);
  }
  return settled(name, asked, created, true);
}

/**
 * Returns whether the server created the stream with settings that it neither gives up nor takes with several replicas
 * (10052).
 */
function mustBeRecreated(
  { settingsAtCreation }: StreamDefinition,
  { replicas = 1 }: ProvisionOptions,
  { config }: ApiReply,
): boolean {
  if (settingsAtCreation === undefined || config === undefined || replicas === 1) return false;
  return differences(settingsAtCreation.settings, config).length === 0;
}

function settled(
  name: string,
  asked: Record<string, Setting>,
  reply: ApiReply,
  wasCreated: boolean,
): ProvisionedStream {
  if (reply.error !== undefined) throw refused(`stream ${name}`, reply.error);
  const [first] = differences(asked, reply.config);
  if (first !== undefined) throw new StreamSettingFailure({ stream: name, ...first });
  return { name, createdAt: reply.created ?? "", wasCreated };
}
