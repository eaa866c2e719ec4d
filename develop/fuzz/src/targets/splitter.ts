import { decodeInboundRecord, INBOUND_LANES, inboundSubject, partsOf } from "@turno/contracts";
import { createLanes } from "@turno/gateway";
import { readStatusLine } from "@turno/sender";
import { interpretLine, splitDelivery, type SplitUpdate } from "@turno/whatsapp";
import { deliverySeeds, FUZZED_AT } from "../seeds.ts";
import { promise, type FuzzTarget } from "../target.ts";
import { featureOf, requireSound } from "./body.ts";

/** Small, so that records are full and lines are divided. */
const RECORD = { linesMax: 4, bytesMax: 1_500 };
const LINE_BYTES_MAX = 900;

interface Stored {
  subject: string;
  text: string;
  headers: Record<string, string>;
}

const ignore = () => undefined;
const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });

/** The gateway's lanes, with a log in memory behind them. */
function createLog() {
  const stored: Stored[] = [];
  const publish = (subject: string, payload: string | Uint8Array, options: { headers?: Record<string, string> }) => {
    const text = typeof payload === "string" ? payload : DECODER.decode(payload);
    stored.push({ subject, text, headers: options.headers ?? {} });
    return Promise.resolve({ sequence: stored.length, duplicate: false });
  };
  const limits = { deadlineMs: 3_600_000, waitingBytesMax: Number.MAX_SAFE_INTEGER, record: RECORD };
  const lanes = createLanes({ publish, recordBytesMax: LINE_BYTES_MAX }, { updates: ignore, record: ignore }, limits);
  const store = (updates: readonly SplitUpdate[]) =>
    new Promise<void>((resolve, reject) => {
      lanes.store(updates, (failure) => (failure === undefined ? resolve() : reject(failure)));
    });
  return { stored, store, waiting: () => lanes.waitingBytes + lanes.waitingDeliveries };
}

/** Reads what a lane's records hold, as its reader does. */
function readBack(stored: readonly Stored[], subject: string) {
  return stored
    .filter((record) => record.subject === subject)
    .flatMap(({ text, headers }) => {
      const header = (name: string) => headers[name] ?? "";
      const sequences = partsOf(header)?.sequences ?? [];
      const beginning = sequences.map((sequence) => stored[sequence - 1]?.text ?? "").join("");
      return decodeInboundRecord(text, header, beginning);
    });
}

export function createSplitterTarget(): FuzzTarget {
  const log = createLog();
  return {
    name: "splitter",
    reads: "a body into lines, lines into records, and records back into lines",
    seeds: deliverySeeds,
    async execute(body) {
      const defects: unknown[] = [];
      const onDefect = (defect: unknown) => defects.push(defect);
      const split = () => {
        let count = 0;
        return splitDelivery(body, { receivedAt: FUZZED_AT, createId: () => `id-${count++}`, onDefect });
      };
      const updates = split();
      if (defects.length > 0) throw defects[0];
      promise(JSON.stringify(updates) === JSON.stringify(split()), "a repetition of a body has other lines");
      const read = requireSound(updates);
      await log.store(updates);
      const stored = log.stored.splice(0);
      promise(log.waiting() === 0, "something still waits after everything is stored");
      for (const lane of INBOUND_LANES) {
        const own = updates
          .filter((update) => update.lane === lane)
          .map(({ json, partition }) => ({ json, partition }));
        const found = readBack(stored, inboundSubject(lane));
        promise(JSON.stringify(found) === JSON.stringify(own), "records give other lines back, or another order");
      }
      for (const { lane, json } of updates) {
        if (lane === "message") interpretLine(json);
        if (lane === "status") readStatusLine(json);
      }
      return read.map(featureOf);
    },
  };
}
