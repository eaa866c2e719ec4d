import { Counter, createMetrics, Histogram } from "@turno/runtime";
import { createRelayMetrics } from "@turno/stateful-service";

/** Creates the inbox's metrics. */
export function createInboxMetrics() {
  const registry = createMetrics("inbox");
  const registers = [registry];
  return {
    registry,
    histories: new Counter({
      name: "turno_inbox_histories_added_total",
      help: "Histories of ended conversations added to their tickets",
      registers,
    }),
    proposed: new Counter({
      name: "turno_inbox_returning_links_total",
      help: "Tickets proposed because the contact came back",
      registers,
    }),
    relay: createRelayMetrics(registry, "inbox"),
    published: new Counter({ name: "turno_inbox_events_published_total", help: "Events published", registers }),
    commands: new Counter({
      name: "turno_inbox_commands_total",
      help: "Commands answered",
      labelNames: ["verb", "outcome"],
      registers,
    }),
    signIns: new Counter({
      name: "turno_inbox_sign_ins_total",
      help: "Attempts to sign in, by how they ended",
      labelNames: ["outcome"],
      registers,
    }),
    httpSeconds: new Histogram({
      name: "turno_inbox_http_seconds",
      help: "How long HTTP requests took, by route and status",
      labelNames: ["route", "status"],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
      registers,
    }),
    failures: new Counter({
      name: "turno_inbox_failures_total",
      help: "Failures of the world that the inbox goes on after",
      labelNames: ["stage"],
      registers,
    }),
    defects: new Counter({
      name: "turno_inbox_defects_total",
      help: "Faults of the program, by where: each has its stack in the log",
      labelNames: ["stage"],
      registers,
    }),
  };
}

export type InboxMetrics = ReturnType<typeof createInboxMetrics>;
