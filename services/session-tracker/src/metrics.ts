import { Counter, createMetrics, Gauge } from "@turno/runtime";
import { createRelayMetrics } from "@turno/stateful-service";

/** Creates the session tracker's metrics. */
export function createTrackerMetrics() {
  const registry = createMetrics("session-tracker");
  const registers = [registry];
  return {
    registry,
    sweeps: new Counter({ name: "turno_tracker_sweeps_total", help: "Times it looked for what is due", registers }),
    expired: new Counter({ name: "turno_tracker_expired_total", help: "Conversations expired", registers }),
    warned: new Counter({ name: "turno_tracker_warned_total", help: "Expiry warnings given", registers }),
    automaticWords: new Counter({
      name: "turno_tracker_automatic_words_total",
      help: "What groups said on their own, and what they could not say because its template may not be sent",
      labelNames: ["kind", "outcome"],
      registers,
    }),
    clockDoubt: new Gauge({
      name: "turno_tracker_clock_doubt",
      help: "1 while the clocks disagree and nothing expires",
      registers,
    }),
    relay: createRelayMetrics(registry, "tracker"),
    published: new Counter({ name: "turno_tracker_events_published_total", help: "Events published", registers }),
    commands: new Counter({
      name: "turno_tracker_commands_total",
      help: "Commands answered",
      labelNames: ["verb", "outcome"],
      registers,
    }),
    failures: new Counter({
      name: "turno_tracker_failures_total",
      help: "Failures of the world that the tracker goes on after",
      labelNames: ["stage"],
      registers,
    }),
    defects: new Counter({
      name: "turno_tracker_defects_total",
      help: "Faults of the program, by where: each has its stack in the log",
      labelNames: ["stage"],
      registers,
    }),
  };
}

export type TrackerMetrics = ReturnType<typeof createTrackerMetrics>;
