import { setTimeout as pause } from "node:timers/promises";
import { BrokerFailure, type Connection } from "./connection.ts";
import { callApi, differences, ERROR_CODES, refused, serverVersion, StreamSettingFailure } from "./stream-api.ts";
import type { StreamDefinition } from "./stream-definitions.ts";

/** The stream is not there (yet, or any more): the provisioner makes it. */
export class StreamMissingFailure extends BrokerFailure {
  constructor(stream: string) {
    super(`the stream ${stream} is missing: the provisioner makes it, is it running?`);
  }
}

/** The settings without which those who use a stream must not work; all others are for the provisioner to care for. */
const ESSENTIALS = ["subjects", "retention", "storage", "discard"];

/**
 * Looks whether a stream is there and is what its users need. Throws a `StreamMissingFailure` while it is missing, a
 * `BrokerFailure` while the broker does not say, and for good a `StreamSettingFailure` or a `ServerVersionFailure`.
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

/** Waits until the stream is there. Calls `onWaiting` with each new reason why it is not; throws what `checkStream` throws for good. */
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
