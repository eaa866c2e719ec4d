import { Counter, Gauge, Histogram, addGauge, createMetrics, type Registry } from "@turno/runtime";
import { UNRECOGNISED_PARTS, type Unrecognised } from "@turno/whatsapp";
import type { InboundLane } from "@turno/contracts";

/** What became of a POST. Only `stored` is answered 200. */
export type DeliveryResult =
  | "stored"
  | "unknown_app"
  | "wrong_type"
  | "unsigned"
  | "signature_mismatch"
  | "too_large"
  | "overloaded"
  | "not_stored"
  | "failed"
  | "aborted";

export interface GatewayMetrics {
  registry: Registry;
  delivery(result: DeliveryResult, seconds: number): void;
  /** Shows an app and its secrets before anything comes: a counter that begins at 1 has not grown for who watches it. */
  expect(appKey: string, secrets: number): void;
  /** A secret of an app signed, by its index in the app's list. */
  signed(appKey: string, secret: number): void;
  signatureMismatch(appKey: string): void;
  foreign(appKey: string): void;
  unrecognised(what: Unrecognised): void;
  /** `stage` says where: in splitting a delivery, in storing one, in a route of another kind, or in an examination. */
  defect(stage: "splitter" | "delivery" | "http" | "examination"): void;
  updates(lane: InboundLane, count: number): void;
  record(lane: InboundLane, record: { lines: number; bytes: number; seconds: number; isStored: boolean }): void;
}

/** Creates the gateway's metrics. `gauges` are read with them. */
export function createGatewayMetrics(gauges: {
  waitingBytes(): number;
  waitingDeliveries(): number;
  isConnected(): boolean;
  isStoring(): boolean;
}): GatewayMetrics {
  const registry = createMetrics("gateway");
  const registers = [registry];
  const deliveries = new Counter({
    name: "turno_gateway_deliveries_total",
    help: "POSTs from Meta by what became of them",
    labelNames: ["result"] as const,
    registers,
  });
  const answerSeconds = new Histogram({
    name: "turno_gateway_answer_seconds",
    help: "Time from the head of a POST to its answer; Meta asks for a median of 0.25 and fewer than 1 % over 1",
    labelNames: ["result"] as const,
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3],
    registers,
  });
  const defects = new Counter({
    name: "turno_gateway_defects_total",
    help: "Faults of the program, by where: each has its stack in the log. What the splitter fails on is kept whole",
    labelNames: ["stage"] as const,
    registers,
  });
  const updates = new Counter({
    name: "turno_gateway_updates_total",
    help: "Updates stored by lane",
    labelNames: ["lane"] as const,
    registers,
  });
  const record = createRecordInstruments(registry);
  addGauge(registry, "turno_gateway_waiting_bytes", "Bytes of updates not yet stored", () => gauges.waitingBytes());
  addGauge(registry, "turno_gateway_waiting_deliveries", "POSTs not yet stored", () => gauges.waitingDeliveries());
  addGauge(registry, "turno_gateway_broker_connected", "1 while the broker is there", () => +gauges.isConnected());
  addGauge(registry, "turno_gateway_storing", "1 while what comes in is stored", () => +gauges.isStoring());
  return {
    registry,
    delivery(result, seconds) {
      deliveries.inc({ result });
      answerSeconds.observe({ result }, seconds);
    },
    ...createAppInstruments(registry),
    defect: (stage) => defects.inc({ stage }),
    updates: (lane, count) => updates.inc({ lane }, count),
    record,
  };
}

/** The app of the path without a key. No key of an app holds a bracket. */
const labelOf = (appKey: string) => ({ app: appKey === "" ? "(default)" : appKey });

/** Creates what is told of each app and its secrets, and what could not be understood. */
function createAppInstruments(
  registry: Registry,
): Pick<GatewayMetrics, "expect" | "signed" | "signatureMismatch" | "foreign" | "unrecognised"> {
  const registers = [registry];
  const ofApp = (name: string, help: string) => new Counter({ name, help, labelNames: ["app"], registers });
  const mismatches = ofApp(
    "turno_gateway_signature_mismatch_total",
    "POSTs whose signature matches none of the app's secrets: alert at once, Meta resends for 7 days only",
  );
  const foreign = ofApp(
    "turno_gateway_foreign_total",
    "Changes that an app may not speak for, kept without effect: an app's binding is wrong, or its secret is known",
  );
  const unrecognised = new Counter({
    name: "turno_gateway_unrecognised_total",
    help: "Parts of signed POSTs that are kept raw, because nothing here understands them",
    labelNames: ["what"],
    registers,
  });
  for (const what of UNRECOGNISED_PARTS) unrecognised.inc({ what }, 0);
  // A POST only counts here. Labels are looked up when somebody asks for the metrics.
  const uses = new Map<string, { count: number; at: number }[]>();
  const eachUse = (set: (labels: { app: string; secret: string }, use: { count: number; at: number }) => void) => {
    for (const [key, ofSecrets] of uses) {
      for (const [index, use] of ofSecrets.entries()) set({ ...labelOf(key), secret: String(index + 1) }, use);
    }
  };
  const labelNames = ["app", "secret"];
  const signed: Counter<string> = new Counter({
    name: "turno_gateway_secret_signed_total",
    help: "POSTs that a secret has signed, by its place in the app's list, from 1",
    labelNames,
    registers,
    collect: () => {
      signed.reset();
      eachUse((labels, { count }) => signed.inc(labels, count));
    },
  });
  const usedAt: Gauge<string> = new Gauge({
    name: "turno_gateway_secret_used_timestamp_seconds",
    help: "When a secret signed a POST last, by its place in the app's list; 0 if not since the start",
    labelNames,
    registers,
    collect: () => eachUse((labels, { at }) => usedAt.set(labels, at / 1000)),
  });
  return {
    expect(appKey, secrets) {
      mismatches.inc(labelOf(appKey), 0);
      foreign.inc(labelOf(appKey), 0);
      uses.set(
        appKey,
        Array.from({ length: secrets }, () => ({ count: 0, at: 0 })),
      );
    },
    signed(appKey, secret) {
      const use = uses.get(appKey)?.[secret];
      if (use === undefined) return;
      use.count += 1;
      use.at = Date.now();
    },
    signatureMismatch: (appKey) => mismatches.inc(labelOf(appKey)),
    foreign: (appKey) => foreign.inc(labelOf(appKey)),
    unrecognised: (what) => unrecognised.inc({ what }),
  };
}

function createRecordInstruments(registry: Registry): GatewayMetrics["record"] {
  const registers = [registry];
  const records = new Counter({
    name: "turno_gateway_records_total",
    help: "Records written by lane, and whether the broker acknowledged them",
    labelNames: ["lane", "stored"] as const,
    registers,
  });
  const recordLines = new Histogram({
    name: "turno_gateway_record_lines",
    help: "Updates in a record",
    labelNames: ["lane"] as const,
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
    registers,
  });
  const recordBytes = new Histogram({
    name: "turno_gateway_record_bytes",
    help: "Size of a record",
    labelNames: ["lane"] as const,
    buckets: [1e3, 4e3, 16e3, 64e3, 256e3, 1e6, 4e6],
    registers,
  });
  const recordSeconds = new Histogram({
    name: "turno_gateway_record_seconds",
    help: "Time until the broker acknowledged a record",
    labelNames: ["lane"] as const,
    buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 3],
    registers,
  });
  return (lane, { lines, bytes, seconds, isStored }) => {
    records.inc({ lane, stored: String(isStored) });
    recordLines.observe({ lane }, lines);
    recordBytes.observe({ lane }, bytes);
    recordSeconds.observe({ lane }, seconds);
  };
}
