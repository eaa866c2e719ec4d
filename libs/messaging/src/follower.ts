import { EVENT_SUBJECTS, STREAMS } from "@turno/contracts";
import type { Connection } from "./connection.ts";
import { callApi, differences, ERROR_CODES, refused, StreamSettingFailure } from "./stream-api.ts";
import { StreamMissingFailure } from "./streams.ts";

/** The most events that a follower may hold without acknowledging them; the broker hands it nothing more until then. */
const UNACKNOWLEDGED_MAX = 1_000;

/**
 * Creates the durable consumer of a follower's name, by which it reads `EVENTS` from the beginning and acknowledges
 * each event, or brings the existing one to its definition without moving it. Returns whether it was created. A program
 * that may create a consumer may have it deliver to any subject, so the provisioner creates it.
 */
export async function provisionFollower(connection: Connection, user: string): Promise<boolean> {
  const what = `the consumer ${user} of ${STREAMS.events}`;
  const asked = {
    durable_name: user,
    filter_subject: EVENT_SUBJECTS,
    deliver_policy: "all",
    ack_policy: "explicit",
    max_ack_pending: UNACKNOWLEDGED_MAX,
  };
  const existing = await callApi(connection, `CONSUMER.INFO.${STREAMS.events}.${user}`, {});
  if (existing.error?.err_code === ERROR_CODES.streamNotFound) throw new StreamMissingFailure(STREAMS.events);
  const isMissing = existing.error?.err_code === ERROR_CODES.consumerNotFound;
  if (existing.error !== undefined && !isMissing) throw refused(what, existing.error);
  if (!isMissing && differences(asked, existing.config).length === 0) return false;
  const body = { stream_name: STREAMS.events, config: { ...existing.config, ...asked, name: user } };
  const reply = await callApi(connection, `CONSUMER.CREATE.${STREAMS.events}.${user}.${EVENT_SUBJECTS}`, body);
  if (reply.error !== undefined) throw refused(what, reply.error);
  const [first] = differences(asked, reply.config);
  if (first !== undefined) throw new StreamSettingFailure({ stream: `${STREAMS.events}, consumer ${user}`, ...first });
  return isMissing;
}
