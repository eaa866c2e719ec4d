import type { PartitionReader } from "@turno/messaging";
import type { Relay } from "@turno/relay";
import { addGauge, Counter, createMetrics, Gauge, Histogram, type Registry } from "@turno/runtime";
import { createRelayMetrics } from "@turno/stateful-service";

/** Creates the sender's metrics. */
export function createSenderMetrics() {
  const registry = createMetrics("sender");
  const registers = [registry];
  return {
    registry,
    calls: new Counter({
      name: "turno_sender_calls_total",
      help: "Calls to Meta, by what became of the message",
      labelNames: ["outcome"],
      registers,
    }),
    callSeconds: new Histogram({
      name: "turno_sender_call_seconds",
      help: "From a call to Meta to its whole answer",
      buckets: [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15],
      registers,
    }),
    givenUp: new Counter({
      name: "turno_sender_given_up_total",
      help: "Messages of senders that died or hung during the call: their outcome is unknown",
      registers,
    }),
    ...createWaitingMetrics(registers),
    statuses: new Counter({
      name: "turno_sender_statuses_total",
      help: "Delivery statuses read from the inbound log, by what became of them",
      labelNames: ["outcome"],
      registers,
    }),
    templates: new Counter({
      name: "turno_sender_template_syncs_total",
      help: "Readings of an account's list of templates",
      labelNames: ["outcome"],
      registers,
    }),
    relay: createRelayMetrics(registry, "sender"),
    published: new Counter({ name: "turno_sender_events_published_total", help: "Events published", registers }),
    commands: new Counter({
      name: "turno_sender_commands_total",
      help: "Commands answered",
      labelNames: ["verb", "outcome"],
      registers,
    }),
    failures: new Counter({
      name: "turno_sender_failures_total",
      help: "Failures of the world that the sender goes on after",
      labelNames: ["stage"],
      registers,
    }),
    defects: new Counter({
      name: "turno_sender_defects_total",
      help: "Faults of the program, by where: each has its stack in the log",
      labelNames: ["stage"],
      registers,
    }),
  };
}

/** Creates the metrics of what waits, and why. */
function createWaitingMetrics(registers: Registry[]) {
  return {
    circuits: new Gauge({
      name: "turno_sender_circuits",
      help: "Open circuits: tokens, accounts, templates of accounts, and numbers for which sending is stopped",
      labelNames: ["scope"],
      registers,
    }),
    waiting: new Gauge({
      name: "turno_sender_waiting_sends",
      help: "Messages that wait, by why",
      labelNames: ["reason"],
      registers,
    }),
    waitingOldest: new Gauge({
      name: "turno_sender_waiting_oldest_seconds",
      help: "Age of the oldest message that waits, by why",
      labelNames: ["reason"],
      registers,
    }),
    clockDoubt: new Gauge({
      name: "turno_sender_clock_doubt",
      help: "1 while the clocks of host, database and Meta disagree, so that nothing that waits fails by its age",
      registers,
    }),
    lapsed: new Counter({
      name: "turno_sender_lapsed_total",
      help: "Messages that waited until the rules did not let them out any more, and failed",
      registers,
    }),
  };
}

export type SenderMetrics = ReturnType<typeof createSenderMetrics>;

/**
 * Adds the gauges that are read with the metrics: what is under way, how far the readers are, whether it publishes the
 * events.
 */
export function addSenderGauges(
  registry: Registry,
  parts: {
    sending: { readonly inFlight: number };
    statuses: PartitionReader;
    accounts: PartitionReader;
    relay: Relay;
  },
): void {
  const { sending, statuses, accounts, relay } = parts;
  const add = (name: string, help: string, read: () => number) => addGauge(registry, name, help, read);
  const statusLag = () => statuses.status().lagRecords;
  const accountLag = () => accounts.status().lagRecords;
  add("turno_sender_in_flight", "Calls under way or not yet recorded", () => sending.inFlight);
  add("turno_sender_status_lag_records", "Records of delivery statuses still to be read", statusLag);
  add("turno_sender_account_lag_records", "Records of account updates still to be read", accountLag);
  add("turno_sender_is_relay", "1 where this sender publishes the events", () => +relay.isLeader);
}
