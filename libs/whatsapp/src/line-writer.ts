import { partitionOf, type InboundLane, type InboundLine } from "@turno/contracts";
import { contactKeyOf } from "./contact-key.ts";
import type { JsonRecord } from "./exact-json.ts";

/** One update of a delivery: a line, ready for the record of its lane. */
export interface SplitUpdate extends InboundLine {
  lane: InboundLane;
}

/** What the updates of one value share. */
export interface ValueContext {
  field: string;
  accountId: string | null;
  metadata: JsonRecord | null;
  time: unknown;
  phoneNumberId: unknown;
  /** The shared members as the middle of a line's JSON, written once and not for each update. */
  json: string;
}

export function valueContext(place: {
  field: string;
  accountId: string | null;
  metadata: JsonRecord | null;
  time?: unknown;
}): ValueContext {
  const { field, accountId, metadata, time } = place;
  return {
    field,
    accountId,
    metadata,
    time,
    phoneNumberId: metadata?.["phone_number_id"],
    json: `,"field":${JSON.stringify(field)},"accountId":${JSON.stringify(accountId)},"metadata":${JSON.stringify(metadata)}`,
  };
}

/** The context of what stands outside every value. */
export const NOWHERE = valueContext({ field: "", accountId: null, metadata: null });

/**
 * How many updates, or contacts of one value, a delivery may hold. Meta puts 1,000 updates into one at most; each costs a
 * line, and 4 MB could hold two million. Source: Meta, Cloud API, "Webhooks", batching.
 */
const PARTS_MAX = 10_000;

/** A delivery holds more than anybody should work on before others are answered. */
export class TooManyParts extends Error {}

export function requireFew(count: number): void {
  if (count > PARTS_MAX) throw new TooManyParts();
}

/**
 * How long the lines of a delivery may be together, as a multiple of its own length and beyond that. Each line repeats its
 * value's metadata and its contact: long ones beside many updates would fill the memory. Meta's are some hundred characters.
 */
const LINES_TIMES_MAX = 8;
const LINES_LENGTH_EXTRA = 1024 * 1024;

/** Returns how long the lines of a text may be together, in characters. */
export const linesLengthMax = (text: string): number => LINES_TIMES_MAX * text.length + LINES_LENGTH_EXTRA;

export interface LineWriter {
  readonly updates: SplitUpdate[];
  write(lane: InboundLane, key: string, at: ValueContext, update: unknown, contacts?: JsonRecord[]): void;
}

/**
 * Creates a writer of updates as lines of the inbound log: `{key, field, accountId, metadata, contacts, update,
 * receivedAt}`. Throws `TooManyParts` where they become too many for one delivery, or longer together than `lengthMax`.
 */
export function createLineWriter(receivedAt: string, lengthMax = Infinity): LineWriter {
  const updates: SplitUpdate[] = [];
  let length = 0;
  const end = `,"receivedAt":"${receivedAt}"}`;
  return {
    updates,
    write(lane, key, context, update, contacts = []) {
      requireFew(updates.length + 1);
      const partition = partitionOf(contactKeyOf({ key, update, contacts }));
      const people = contacts.length === 0 ? "[]" : JSON.stringify(contacts);
      const json = `{"key":${JSON.stringify(key)}${context.json},"contacts":${people},"update":${JSON.stringify(update)}${end}`;
      length += json.length;
      if (length > lengthMax) throw new TooManyParts();
      updates.push({ lane, json, partition });
    },
  };
}
