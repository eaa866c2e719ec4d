import { createPublisher, type Connection } from "@turno/messaging";
import { createRelay, type Relay } from "@turno/relay";
import { isDefect, type Counter, type Logger } from "@turno/runtime";
import type { RelayMetrics } from "./relay-metrics.ts";

/** Starts a service's relay, and reports its progress in log and metrics. Of failures in a row it logs the first. */
export function startRelay(options: {
  databaseUrl: string;
  timeline: string;
  connection: Connection;
  logger: Logger;
  metrics: { published: Counter; relay: RelayMetrics };
  tellDefect: (error: unknown, input: Record<string, string>) => void;
  /** Ends the process. */
  end: (error: unknown) => void;
}): Relay {
  const { databaseUrl, timeline, connection, logger, metrics, tellDefect, end } = options;
  const relay = createRelay({
    databaseUrl,
    timeline,
    connection,
    publisher: createPublisher(connection),
    onFailure: (error, stage, isNew) => {
      if (isDefect(error)) return end(error);
      metrics.relay.failures.inc({ stage });
      if (isNew) logger.warn({ err: error, stage }, "the relay failed, going on");
    },
    onHeld: (error, { id: eventId, type, entityId }) => tellDefect(error, { eventId, type, entityId }),
    onPublished: (count) => metrics.published.inc(count),
    onLead: (isLeader, cause) =>
      logger.info({ cause }, isLeader ? "the relay leads and publishes events" : "the relay no longer leads"),
    onRefill: (positions) => {
      metrics.relay.refills.inc();
      logger.warn({ positions }, "the event stream has lost events, publishing them again");
    },
    onRefilled: (count, isOver) => {
      metrics.relay.refilled.inc(count);
      metrics.relay.refillPieces.inc();
      if (isOver) logger.warn("all that the event stream had lost is queued again");
    },
    onUnknown: (count) => {
      metrics.relay.unknown.inc(count);
      logger.warn({ count }, "the event stream holds messages that are no event of this database");
    },
    onObstacle: (obstacle) => {
      if (obstacle === null) logger.warn("events are published again");
      else logger.error({ obstacle }, "no event is published");
    },
  });
  metrics.relay.observe(relay);
  return relay;
}
