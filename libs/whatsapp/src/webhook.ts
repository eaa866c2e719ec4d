import type { SpokenFor } from "@turno/conversation";
import { isUtf8 } from "node:buffer";
import { hash } from "node:crypto";
import { isNestedDeep, isRecord, parseExactJson, plainId, type JsonRecord } from "./exact-json.ts";
import { fieldShape, type FieldShape, type ItemKind } from "./fields.ts";
import {
  createLineWriter,
  linesLengthMax,
  NOWHERE,
  requireFew,
  TooManyParts,
  valueContext,
  type LineWriter,
  type SplitUpdate,
  type ValueContext,
} from "./line-writer.ts";
import { contentKey, itemKey } from "./update-key.ts";
import { valueContacts } from "./value-contacts.ts";

export interface DeliveryContext {
  /** When the gateway had read the POST, in ISO 8601. */
  receivedAt: string;
  /** Makes an id for what has none and must never be taken for a repetition. */
  createId(): string;
  /** Called when the splitter itself failed; the delivery is kept whole nevertheless. */
  onDefect?(defect: unknown): void;
  /** Whether whoever signed the delivery speaks for an account and a number. Without it everybody speaks for all. */
  maySpeakFor?(place: SpokenFor): boolean;
  /** Called with each change that its signer may not speak for: it goes to the lane `unrecognised`. */
  onForeign?(place: SpokenFor): void;
  /** Called with each part that goes to the lane `unrecognised`. */
  onUnrecognised?(what: Unrecognised): void;
}

/** The kinds of parts that are kept raw: a whole body, an entry, a change, an item, unknown members, a foreign change. */
export const UNRECOGNISED_PARTS = ["body", "entry", "change", "item", "envelope", "foreign"] as const;
export type Unrecognised = (typeof UNRECOGNISED_PARTS)[number];

/**
 * Divides the body of one signed POST into its updates: every element of every array of every change of every entry. It
 * never throws and loses nothing: what has an unexpected shape goes unchanged to the lane `unrecognised`, as the
 * smallest part that holds it. A body that is not JSON, is nested too deep, or holds too many updates or too long ones, is
 * kept as a string, one that is not UTF-8 as `{base64}`.
 */
export function splitDelivery(body: Buffer, context: DeliveryContext): SplitUpdate[] {
  if (!isUtf8(body)) return [wholeBody(body, { base64: body.toString("base64") }, context)];
  const text = body.toString("utf8");
  try {
    const writer = createLineWriter(context.receivedAt, linesLengthMax(text));
    const splitter: Splitter = { writer, context, unrecognised: [] };
    splitBody(splitter, parseExactJson(text));
    for (const what of splitter.unrecognised) context.onUnrecognised?.(what);
    return splitter.writer.updates;
  } catch (error) {
    const isTooDeep = error instanceof RangeError && isNestedDeep(text);
    const isOfTheBody = error instanceof SyntaxError || error instanceof TooManyParts || isTooDeep;
    if (!isOfTheBody) context.onDefect?.(error);
    // Text that escapes badly would outgrow a record: base64 is bounded.
    const asText = JSON.stringify(text).length <= body.length * 1.4 + 64;
    return [wholeBody(body, asText ? text : { base64: body.toString("base64") }, context)];
  }
}

function wholeBody(body: Buffer, update: unknown, context: DeliveryContext): SplitUpdate {
  const writer = createLineWriter(context.receivedAt);
  writer.write("unrecognised", `body:-:${hash("sha256", body, "hex")}`, NOWHERE, update);
  const [line] = writer.updates;
  if (line === undefined) throw new Error("the writer wrote nothing");
  context.onUnrecognised?.("body");
  return line;
}

interface Splitter {
  writer: LineWriter;
  context: DeliveryContext;
  unrecognised: Unrecognised[];
}

function splitBody(splitter: Splitter, body: unknown): void {
  if (!isRecord(body) || body["object"] !== "whatsapp_business_account" || !Array.isArray(body["entry"])) {
    return keepRaw(splitter, NOWHERE, body, "body");
  }
  keepUnknownMembers(splitter, NOWHERE, body, { object: true, entry: true });
  for (const entry of body["entry"]) splitEntry(splitter, entry);
}

function splitEntry(splitter: Splitter, entry: unknown): void {
  if (!isRecord(entry)) return keepRaw(splitter, NOWHERE, entry, "entry");
  const accountId = plainId(entry["id"], 128);
  const at = () => valueContext({ field: "", accountId, metadata: null });
  if (!Array.isArray(entry["changes"])) return keepRaw(splitter, at(), entry, "entry");
  const before = splitter.writer.updates.length;
  const known = { id: accountId !== null, time: typeof entry["time"] === "number", changes: true };
  if (holdsUnknown(entry, known)) keepUnknownMembers(splitter, at(), entry, known);
  for (const change of entry["changes"]) splitChange(splitter, change, accountId, entry["time"]);
  if (splitter.writer.updates.length === before) keepRaw(splitter, at(), entry, "entry");
}

function splitChange(splitter: Splitter, change: unknown, accountId: string | null, time: unknown): void {
  const { writer } = splitter;
  const name = isRecord(change) ? plainId(change["field"], 128) : null;
  const value = isRecord(change) ? change["value"] : undefined;
  const metadata = isRecord(value) ? metadataOf(value) : undefined;
  const at = valueContext({ field: name ?? "", accountId, metadata: metadata ?? null, time });
  const shape = name === null ? undefined : fieldShape(name);
  if (!isRecord(change) || !isRecord(value) || metadata === undefined || shape === undefined) {
    return keepRaw(splitter, at, change, "change");
  }
  // A standby's own number may stand inside it.
  if (shape.kind !== "standby" && isForeign(splitter, at)) return keepForeign(splitter, at, change);
  const before = writer.updates.length;
  if (shape.kind === "standby") splitStandby({ splitter, at, shape, keyPrefix: "standby:" }, change, value);
  else if (holdsKnownArray(value, shape)) splitValue({ splitter, at, shape, keyPrefix: "" }, value);
  else if (shape.kind === "whole") {
    writer.write(shape.lane, contentKey(at.field, accountId, value, at), at, value);
  }
  // A value without anything that is known to be an update, or with empty arrays only.
  if (writer.updates.length === before) return keepRaw(splitter, at, change, "change");
  keepUnknownMembers(splitter, at, change, { field: true, value: true });
}

/** Its value's `standby` holds the arrays; metadata may be inside or beside it. */
function splitStandby(scope: ValueScope, change: JsonRecord, value: JsonRecord): void {
  const { splitter, at, shape } = scope;
  const inner = value["standby"];
  if (!isRecord(inner)) {
    if (isForeign(splitter, at)) return keepForeign(splitter, at, change);
    if (holdsKnownArray(value, shape)) return splitValue(scope, value);
    return keepRaw(splitter, at, change, "change");
  }
  const metadata = metadataOf(inner);
  if (!holdsKnownArray(inner, shape) || metadata === undefined) return keepRaw(splitter, at, change, "change");
  const own = metadata === null ? at : valueContext({ ...at, metadata });
  if (isForeign(splitter, own)) return keepForeign(splitter, own, change);
  const before = splitter.writer.updates.length;
  splitValue({ ...scope, at: own }, inner);
  if (splitter.writer.updates.length === before) return;
  keepUnknownMembers(splitter, at, value, {
    messaging_product: value["messaging_product"] === "whatsapp",
    metadata: metadata === null,
    standby: true,
  });
}

const placeOf = ({ accountId, phoneNumberId }: ValueContext): SpokenFor => ({
  accountId,
  phoneNumberId: typeof phoneNumberId === "string" ? phoneNumberId : null,
});

const isForeign = ({ context }: Splitter, at: ValueContext): boolean => context.maySpeakFor?.(placeOf(at)) === false;

/** Keeps a change that takes no effect, because its signer does not speak for the number that it names. */
function keepForeign({ writer, context, unrecognised }: Splitter, at: ValueContext, change: unknown): void {
  context.onForeign?.(placeOf(at));
  unrecognised.push("foreign");
  writer.write("unrecognised", `foreign:${contentKey(at.field, at.accountId, change, at)}`, at, change);
}

/** null where there is none, undefined where it is not what readers of a line may rely on. */
function metadataOf(value: JsonRecord): JsonRecord | null | undefined {
  const metadata = value["metadata"];
  if (metadata === undefined) return null;
  if (!isRecord(metadata)) return undefined;
  const id = metadata["phone_number_id"];
  return id === undefined || plainId(id) !== null ? metadata : undefined;
}

function holdsKnownArray(value: JsonRecord, shape: FieldShape): boolean {
  for (const name of shape.arrays.keys()) if (Array.isArray(value[name])) return true;
  return false;
}

/** A value that is being split: whose it is, what its arrays hold, and how its keys begin. */
interface ValueScope {
  splitter: Splitter;
  at: ValueContext;
  shape: FieldShape;
  keyPrefix: "" | "standby:";
}

function splitValue(scope: ValueScope, value: JsonRecord): void {
  const { splitter, at, shape } = scope;
  let updateCount = 0;
  for (const name of shape.arrays.keys()) {
    const items = value[name];
    if (Array.isArray(items)) updateCount += items.length;
  }
  const given = value["contacts"];
  requireFew(Array.isArray(given) ? given.length : 0);
  const contacts = valueContacts(Array.isArray(given) ? given : [], updateCount);
  for (const name of Object.keys(value)) {
    const content = value[name];
    if (name === "metadata" || (name === "messaging_product" && content === "whatsapp")) continue;
    if (name === "contacts" && Array.isArray(content)) continue;
    const kind = shape.arrays.get(name);
    if (kind === undefined) writeOther(scope, { [name]: content });
    else if (!Array.isArray(content)) keepRaw(splitter, at, { [name]: content }, "item");
    else for (const item of content) writeItem(scope, kind, item, contacts.of(item));
  }
  const leftOver = contacts.leftOver();
  if (leftOver.length > 0) writeOther(scope, { contacts: leftOver });
}

function writeItem(scope: ValueScope, kind: ItemKind, item: unknown, contacts: JsonRecord[]): void {
  const { splitter, at, shape, keyPrefix } = scope;
  if (kind === "error") {
    return splitter.writer.write("account", `error:${splitter.context.createId()}`, at, item, contacts);
  }
  if (kind === "other" && isRecord(item)) return writeOther(scope, item, contacts);
  const key = kind === "other" ? null : itemKey(kind, item);
  if (key === null) return keepRaw(splitter, at, item, "item", contacts);
  const lane = kind === "status" && keyPrefix === "" ? "status" : shape.lane;
  splitter.writer.write(lane, keyPrefix + key, at, item, contacts);
}

/** Writes an update without an id of its own, which is known by its content. */
function writeOther(scope: ValueScope, update: JsonRecord, contacts: JsonRecord[] = []): void {
  const { splitter, at, shape, keyPrefix } = scope;
  splitter.writer.write(shape.lane, keyPrefix + contentKey(at.field, at.accountId, update, at), at, update, contacts);
}

function keepRaw(
  splitter: Splitter,
  at: ValueContext,
  content: unknown,
  what: Unrecognised,
  contacts: JsonRecord[] = [],
): void {
  splitter.unrecognised.push(what);
  const key = contentKey(at.field === "" ? what : at.field, at.accountId, content, at);
  splitter.writer.write("unrecognised", key, at, content, contacts);
}

type KnownMembers = Readonly<Record<string, boolean>>;

/** Keeps members that Meta may add one day beside those that we know. */
function keepUnknownMembers(splitter: Splitter, at: ValueContext, from: JsonRecord, known: KnownMembers): void {
  if (!holdsUnknown(from, known)) return;
  const unknown = Object.entries(from).filter(([name]) => known[name] !== true);
  keepRaw(splitter, at, Object.fromEntries(unknown), "envelope");
}

function holdsUnknown(from: JsonRecord, known: KnownMembers): boolean {
  for (const name of Object.keys(from)) if (known[name] !== true) return true;
  return false;
}
