import { Counter, createMetrics } from "@turno/runtime";

/** What an operator sees of the inbox. */
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
    published: new Counter({ name: "turno_inbox_events_published_total", help: "Events published", registers }),
    commands: new Counter({
      name: "turno_inbox_commands_total",
      help: "Commands answered",
      labelNames: ["verb", "outcome"],
      registers,
    }),
    failures: new Counter({
      name: "turno_inbox_failures_total",
      help: "Failures of the world that the inbox goes on after",
      labelNames: ["stage"],
      registers,
    }),
  };
}

export type InboxMetrics = ReturnType<typeof createInboxMetrics>;
