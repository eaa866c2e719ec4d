import {
  decodeInboundRecord,
  divideInboundLine,
  encodeInboundRecord,
  partsOf,
  type InboundLine,
} from "@turno/contracts";
import { MESSAGE_TYPES } from "@turno/simulator";
import { interpretLine, parseExactJson, readLine, readTemplateChange } from "@turno/whatsapp";
import { isUtf8 } from "node:buffer";
import { recordSeeds } from "../seeds.ts";
import { promise, ruleOf, type FuzzTarget } from "../target.ts";

/** Text of a message has at most so many characters for each of its line, and so many beside it. */
const TEXT_TIMES_MAX = 5;
const TEXT_LENGTH_EXTRA = 32_768;
const CAUSE_LENGTH_EXTRA = 500;
const PIECE_BYTES = 64;

const OBSERVED = new Set(["group-message", "call", "call-status", "system", "standby"]);
const TYPES = new Set<string>(MESSAGE_TYPES);

type Header = (name: string) => string;

export function createRecordTarget(): FuzzTarget {
  return {
    name: "record",
    reads: "a record of the inbound log, its lines, and what they mean",
    seeds: recordSeeds,
    execute(input) {
      const end = input.indexOf("\n");
      const text = new TextDecoder().decode(input.subarray(end + 1));
      const lines = decode(text, headersOf(end === -1 ? "" : input.toString("utf8", 0, end)));
      if (lines === null) return ["refused", ...requireReadable({ json: text, partition: 0 })];
      if (text.isWellFormed()) requireRoundTrip(lines);
      return lines.flatMap(requireReadable);
    },
  };
}

/** Reads the headers of an input. What is no text is one by its JSON. */
function headersOf(line: string): Header {
  let given: unknown;
  try {
    given = parseExactJson(line);
  } catch {
    return () => "";
  }
  return (name) => {
    const value =
      typeof given === "object" && given !== null && Object.hasOwn(given, name)
        ? (given as Record<string, unknown>)[name]
        : "";
    return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  };
}

/** As a reader does it: null for a record that is set aside whole. */
function decode(text: string, header: Header): InboundLine[] | null {
  try {
    const isDivided = partsOf(header) !== null;
    return decodeInboundRecord(text, header, isDivided ? header("Beginning") : "");
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    promise(error.message.startsWith("inbound record "), "a record is refused by something else than its reader");
    return null;
  }
}

function requireRoundTrip(lines: readonly InboundLine[]): void {
  const { payload, headers } = encodeInboundRecord(lines);
  const again = decodeInboundRecord(Buffer.from(payload).toString("utf8"), (name) => headers[name] ?? "");
  promise(JSON.stringify(again) === JSON.stringify(lines), "a record that is written again has other lines");
  for (const { json } of lines) {
    const pieces = divideInboundLine(json, PIECE_BYTES);
    promise(
      pieces.every((piece) => piece.length <= PIECE_BYTES && isUtf8(piece)),
      "a part ends within a character, or is too long",
    );
    promise(Buffer.concat(pieces).toString("utf8") === json, "the parts of a line are another line");
  }
}

/** Reads a line as the router and the sender do. Returns what it turned out to be. */
function requireReadable({ json }: InboundLine): string[] {
  const item = interpretLine(json);
  const told = [`${item.kind} ${item.kind === "observation" && OBSERVED.has(item.what) ? item.what : ""}`];
  if (item.kind === "unreadable") {
    promise(
      item.cause !== "" && item.cause.length <= json.length + CAUSE_LENGTH_EXTRA,
      "a cause is missing or without a bound",
    );
    promise(item.line === json, "what is set aside is another line");
    return [...told, `cause ${ruleOf(item.cause)}`];
  }
  promise(isInstant(item.receivedAt), "a line came at no instant");
  if ("sentAt" in item) {
    promise(isInstant(item.sentAt), "an update was sent at no instant");
    const lengthMax = TEXT_TIMES_MAX * json.length + TEXT_LENGTH_EXTRA;
    promise(
      item.text.length <= lengthMax && item.content.length <= lengthMax,
      "what a message says is longer than its bytes allow",
    );
    promise(item.text !== "", "a message says nothing");
    const type = TYPES.has(item.type) ? item.type : "another";
    told.push(`type ${type} ${TYPES.has(item.type) ? item.text.startsWith("[") : ""}`);
  }
  if (item.kind === "interaction") requireStorable(item.profile);
  if ("identities" in item) requireStorable(item.identities);
  const line = readLine(json);
  if (!("cause" in line) && readTemplateChange(line) !== null) told.push(`template ${line.field}`);
  return told;
}

const isInstant = (instant: Date) => !Number.isNaN(instant.getTime());

/** Throws where the database would refuse a text. */
function requireStorable(texts: object): void {
  for (const text of Object.values(texts) as unknown[]) {
    promise(typeof text !== "string" || (!text.includes("\0") && text.isWellFormed()), "a text cannot be stored");
  }
}
