import { EVENT_SUBJECTS, STREAMS } from "@turno/contracts";
import { AckPolicy, DeliverPolicy } from "nats";
import { asBrokerFailure, type Connection } from "./connection.ts";

/** What a follower may have taken and not acknowledged; the broker hands it nothing more until then. */
const UNACKNOWLEDGED_MAX = 1_000;

/**
 * Makes the durable consumer of a follower's name, by which it reads `EVENTS` from the beginning and acknowledges each
 * event. One that is there stays where it is. Whoever may make a consumer may have it deliver to any subject, so it is
 * made for the follower, not by it.
 */
export async function provisionFollower(connection: Connection, user: string): Promise<void> {
  try {
    const { consumers } = await connection.nats.jetstreamManager({ checkAPI: false });
    await consumers.add(STREAMS.events, {
      durable_name: user,
      filter_subject: EVENT_SUBJECTS,
      deliver_policy: DeliverPolicy.All,
      ack_policy: AckPolicy.Explicit,
      max_ack_pending: UNACKNOWLEDGED_MAX,
    });
  } catch (error) {
    throw asBrokerFailure(`the consumer "${user}" of ${STREAMS.events} cannot be made`, error);
  }
}
