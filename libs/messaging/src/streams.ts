import { setTimeout as pause } from "node:timers/promises";
import { BrokerFailure, type Connection } from "./connection.ts";
import { callApi, differences, ERROR_CODES, refused, serverVersion, StreamSettingFailure } from "./stream-api.ts";
import type { StreamDefinition } from "./stream-definitions.ts";

/** The stream is missing. The provisioner creates it. */
export class StreamMissingFailure extends BrokerFailure {
  constructor(stream: string) {
    super(`the stream ${stream} is missing: the provisioner makes it, is it running?`);
  }
}

/** The settings without which the users of a stream must not work. The provisioner cares for all others. */
const ESSENTIALS = ["subjects", "retention", "storage", "discard"];

/**
 * Checks that a stream exists and is what its users need. Throws a `StreamMissingFailure` while it is missing, a
 * `BrokerFailure` while the broker does not answer, and a `StreamSettingFailure` or a `ServerVersionFailure`, which
 * waiting does not cure.
 */
export async function checkStream(connection: Connection, { name, settings }: StreamDefinition): Promise<void> {
  serverVersion(connection);
  const reply = await callApi(connection, `STREAM.INFO.${name}`, {});
  if (reply.error?.err_code === ERROR_CODES.streamNotFound) throw new StreamMissingFailure(name);
  if (reply.error !== undefined) throw refused(`stream ${name}`, reply.error);
  const needed = Object.fromEntries(ESSENTIALS.map((setting) => [setting, settings[setting]]));
  const [first] = differences(needed, reply.config);
  if (first !== undefined) throw new StreamSettingFailure({ stream: name, ...first });
}

const LOOK_AGAIN_MS = 250;

/**
 * Waits until the stream exists. Calls `onWaiting` with each new reason why it does not; throws what waiting does not
 * cure.
 */
export async function waitForStream(
  connection: Connection,
  definition: StreamDefinition,
  onWaiting: (failure: BrokerFailure) => void,
): Promise<void> {
  let reason = "";
  for (;;) {
    try {
      return await checkStream(connection, definition);
    } catch (error) {
      if (!(error instanceof BrokerFailure) || !error.retryable) throw error;
      if (error.message !== reason) onWaiting(error);
      reason = error.message;
    }
    await pause(LOOK_AGAIN_MS);
  }
}
