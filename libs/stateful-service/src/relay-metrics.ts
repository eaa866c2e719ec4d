import type { Relay } from "@turno/relay";
import { addGauge, Counter, type Registry } from "@turno/runtime";

/** Creates the metrics of a service's relay. `service` is the name that they bear. */
export function createRelayMetrics(registry: Registry, service: string) {
  const registers = [registry];
  const nameOf = (what: string) => `turno_${service}_relay_${what}`;
  const gauge = (what: string, help: string, read: () => number) => addGauge(registry, nameOf(what), help, read);
  return {
    failures: new Counter({
      name: nameOf("failures_total"),
      help: "Failures that the relay goes on after",
      labelNames: ["stage"],
      registers,
    }),
    refills: new Counter({
      name: nameOf("refills_total"),
      help: "Times that a refill of the event stream was begun or gone on with",
      registers,
    }),
    refilled: new Counter({
      name: nameOf("refilled_events_total"),
      help: "Events that are published again because the stream had lost them",
      registers,
    }),
    refillPieces: new Counter({
      name: nameOf("refill_pieces_total"),
      help: "Pieces in which events are published again",
      registers,
    }),
    unknown: new Counter({
      name: nameOf("unknown_messages_total"),
      help: "Messages of the event stream that are no event of this database",
      registers,
    }),
    /** Adds the gauges that are read with the metrics. */
    observe(relay: Relay) {
      gauge("behind_events", "Events that wait to be published, at most", () => relay.waiting.count);
      gauge("oldest_seconds", "Age of the oldest event that waits to be published", () => relay.waiting.seconds);
      gauge("held_entities", "Entities whose events are held back by a defect", () => relay.heldEntities);
      gauge("stands_still", "1 while something waits and no relay publishes", () => +(relay.obstacle !== null));
    },
  };
}

export type RelayMetrics = ReturnType<typeof createRelayMetrics>;
