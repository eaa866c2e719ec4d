import { EVENT_SUBJECTS, STREAMS } from "@turno/contracts";
import type { Connection } from "./connection.ts";
import { callApi, differences, ERROR_CODES, refused, StreamSettingFailure } from "./stream-api.ts";
import { StreamMissingFailure } from "./streams.ts";

/** What a follower may have taken and not acknowledged; the broker hands it nothing more until then. */
const UNACKNOWLEDGED_MAX = 1_000;

/**
 * Makes the durable consumer of a follower's name, by which it reads `EVENTS` from the beginning and acknowledges each
 * event, or brings the one that is there to its definition; that one stays where it is. True where it was made. A program that may
 * make a consumer may have it deliver to any subject, so it is made for the follower, not by it.
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
