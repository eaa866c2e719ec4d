import { INBOUND_LANES, PARTITION_COUNT, type InboundUpdate } from "@turno/contracts";
import {
  createBodyReader,
  createDeliveryHandler,
  createMaySpeakFor,
  type DeliveryHandlerParts,
  type SigningApp,
} from "@turno/gateway";
import { createSignatureVerifier, readLine, signatureOf, type SplitUpdate } from "@turno/whatsapp";
import { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { requireConserved } from "../conservation.ts";
import { FUZZED_CHANNEL, deliverySeeds, FUZZED_AT } from "../seeds.ts";
import { promise, type FuzzTarget } from "../target.ts";

const SECRET = "an app's secret";
const KEY = /^[\x21-\x7e]{1,1200}$/;
const NUMBER = /^[\x21-\x7e]{1,512}$/;
/** As much as two inputs may have: memory that is not given back would soon be missed. */
const TOTAL_BYTES_MAX = 16 * 1024;
const APPS = new Map([["bound", { accounts: [FUZZED_CHANNEL.accountId], numbers: [FUZZED_CHANNEL.phoneNumberId] }]]);

const ignore = () => undefined;

/** A gateway without a server and a broker: from the first byte of a POST to what is stored of it. */
function createGateway() {
  const seen = { stored: [] as readonly SplitUpdate[], stores: 0, defects: 0 };
  const parts = {
    lanes: {
      store(updates: readonly SplitUpdate[], done: () => void) {
        seen.stored = updates;
        seen.stores += 1;
        done();
      },
    },
    bodies: createBodyReader({ bytesMax: TOTAL_BYTES_MAX, totalBytesMax: TOTAL_BYTES_MAX }),
    metrics: {
      delivery: ignore,
      signed: ignore,
      signatureMismatch: ignore,
      foreign: ignore,
      unrecognised: ignore,
      defect: () => (seen.defects += 1),
    },
    logger: { error: ignore, warn: ignore, info: ignore },
    now: () => FUZZED_AT,
    createId: () => "id",
    isStopping: () => false,
  } as unknown as DeliveryHandlerParts;
  const handler = createDeliveryHandler(parts);
  const verifier = createSignatureVerifier([SECRET]);
  const boundTo = createMaySpeakFor("bound", APPS);
  const post = (key: string, body: Buffer, signature: string): number => {
    const app: SigningApp = { key, verifier, maySpeakFor: key === "bound" ? boundTo : () => true };
    const statuses: number[] = [];
    const headers = { "content-type": "application/json", "x-hub-signature-256": signature };
    const incoming = Object.assign(new EventEmitter(), { headers, complete: true });
    const outgoing = {
      destroyed: false,
      headersSent: false,
      writeHead: (code: number) => statuses.push(code),
      end: ignore,
    };
    handler.handle(app, incoming as unknown as IncomingMessage, outgoing as unknown as ServerResponse);
    // It comes in pieces, cut wherever it may be.
    const cut = body.length === 0 ? 0 : (body[body.length >> 1] ?? 0) % body.length;
    for (const piece of [body.subarray(0, cut), body.subarray(cut)]) if (piece.length > 0) incoming.emit("data", piece);
    incoming.emit("end");
    promise(statuses.length === 1, "a POST is not answered once");
    return statuses[0] ?? 0;
  };
  return { seen, post };
}

export function createBodyTarget(): FuzzTarget {
  const { seen, post } = createGateway();
  return {
    name: "body",
    reads: "the body of a POST, from its first byte to what the gateway stores",
    seeds: deliverySeeds,
    execute(body) {
      const signature = signatureOf(body, SECRET);
      const before = seen.stores;
      const forged = `${signature.slice(0, -1)}${signature.endsWith("0") ? "1" : "0"}`;
      promise(post("all", body, forged) === 401, "a body with another signature is not refused");
      promise(seen.stores === before, "a body with another signature is stored");
      const isBound = (body.at(-2) ?? 0) % 2 === 1;
      promise(post(isBound ? "bound" : "all", body, signature) === 200, "a signed body is not answered 200");
      promise(seen.stores === before + 1, "a signed body is not stored once");
      promise(seen.defects === 0 || ((seen.defects = 0), false), "a signed body is told as a defect");
      const lines = seen.stored;
      requireConserved(
        body,
        lines.map(({ json }) => json),
      );
      const read = requireSound(lines);
      if (isBound) requireOwn(read);
      return read.map(featureOf);
    },
  };
}

/** A line as its readers see it, and its lane. */
interface ReadUpdate {
  lane: string;
  line: InboundUpdate;
}

/** Throws where a line lacks what its readers rely on. Returns the lines, read. */
export function requireSound(updates: readonly SplitUpdate[]): ReadUpdate[] {
  return updates.map(({ lane, json, partition }) => {
    promise(INBOUND_LANES.includes(lane), "a line has a lane that nobody knows");
    promise(!json.includes("\n"), "a line has a line feed");
    promise(partition >= 0 && partition < PARTITION_COUNT, "a line has a partition that nobody reads");
    const line = readLine(json);
    promise(!("cause" in line), "a line of the gateway cannot be read");
    promise(KEY.test(line.key), "a dedupe key cannot be indexed");
    const number = line.metadata?.phone_number_id;
    promise(number === undefined || lane === "unrecognised" || NUMBER.test(number), "the number of a line is no id");
    promise(
      line.key.startsWith("st:") === (lane === "status") || lane === "unrecognised",
      "a status is in another lane",
    );
    return { lane, line };
  });
}

/** What takes effect is of the account and number that the app is bound to. */
function requireOwn(updates: readonly ReadUpdate[]): void {
  for (const { lane, line } of updates) {
    if (lane === "unrecognised") continue;
    promise(line.accountId === FUZZED_CHANNEL.accountId, "an update of another account takes effect");
    const number = line.metadata?.phone_number_id;
    promise(
      number === undefined || number === FUZZED_CHANNEL.phoneNumberId,
      "an update of another number takes effect",
    );
  }
}

/** How the keys of parts begin that have no field. A field may have any name. */
const PARTS = new Set(["body:", "entry:", "change:", "envelope:", "foreign:"]);

/** What is new about a line beside the code that made it. */
export function featureOf({ lane, line }: ReadUpdate): string {
  const prefix = /^(?:standby:)?[a-z_-]+:/.exec(line.key)?.[0] ?? "";
  const kind = lane !== "unrecognised" || PARTS.has(prefix) ? prefix : "field";
  return `${lane} ${kind} ${line.contacts.length} ${line.metadata === null ? "nowhere" : "somewhere"}`;
}
