import { isRecord, parseExactJson } from "@turno/whatsapp";
import { promise } from "./target.ts";

/** The members of a delivery's envelope. A line says by its own members what these say. */
const ENVELOPE = new Set([
  "object",
  "entry",
  "id",
  "changes",
  "field",
  "value",
  "time",
  "metadata",
  "messaging_product",
]);
const ARRAYS = new Set(["contacts", "standby"]);

interface Contents {
  /** How often each text and number stands there, by its JSON text. */
  scalars: Map<string, number>;
  names: Set<string>;
}

/** Counts what stands in a value. Without recursion: it may be nested deeper than the stack. */
function contentsOf(...values: unknown[]): Contents {
  const contents: Contents = { scalars: new Map(), names: new Set() };
  const waiting: unknown[] = [...values];
  while (waiting.length > 0) {
    const value = waiting.pop();
    if (Array.isArray(value)) for (const inner of value) waiting.push(inner);
    else if (isRecord(value)) {
      for (const [name, inner] of Object.entries(value)) {
        contents.names.add(name);
        waiting.push(inner);
      }
    } else if (value !== null && typeof value !== "boolean" && value !== undefined) {
      const text = JSON.stringify(value);
      contents.scalars.set(text, (contents.scalars.get(text) ?? 0) + 1);
    }
  }
  return contents;
}

/** What every line has already said, or nobody needs: what the object is, and when an entry was made. */
function leaveOut(body: unknown, { scalars }: Contents): void {
  for (const constant of ['"whatsapp"', '"whatsapp_business_account"']) scalars.delete(constant);
  const entries = isRecord(body) && Array.isArray(body["entry"]) ? (body["entry"] as unknown[]) : [];
  for (const entry of entries) {
    if (!isRecord(entry) || typeof entry["time"] !== "number") continue;
    const time = JSON.stringify(entry["time"]);
    scalars.set(time, (scalars.get(time) ?? 0) - 1);
  }
}

interface KeptLine {
  key: string;
  field: string;
  accountId: unknown;
  metadata: unknown;
  contacts: unknown;
  update: unknown;
}

/** Throws where the lines of a delivery lack something that stood in its body. */
export function requireConserved(body: Buffer, lines: readonly string[]): void {
  const kept = lines.map((line) => parseExactJson(line) as KeptLine);
  const [whole] = kept;
  if (whole?.key.startsWith("body:-:") === true && isKeptAsItCame(body, whole.update)) return;
  const given = parseExactJson(body.toString("utf8"));
  const wanted = contentsOf(given);
  leaveOut(given, wanted);
  const found = contentsOf(
    ...kept.flatMap(({ field, accountId, metadata, contacts, update }) => [
      field,
      accountId,
      metadata,
      contacts,
      update,
    ]),
  );
  for (const [text, count] of wanted.scalars) {
    promise(count <= (found.scalars.get(text) ?? 0), "a text or number of the body is in none of its lines");
  }
  for (const name of wanted.names) {
    if (ENVELOPE.has(name) || ARRAYS.has(name) || found.names.has(name)) continue;
    promise(isArrayOfUpdates(name), "a member of the body is in none of its lines");
  }
}

const isBase64 = (update: unknown): update is { base64: string } =>
  isRecord(update) && typeof update["base64"] === "string";
const isKeptAsItCame = (body: Buffer, update: unknown) =>
  isBase64(update) ? Buffer.from(update.base64, "base64").equals(body) : body.toString("utf8") === update;

/** Arrays whose elements become lines. */
const UPDATES = new Set([
  "messages",
  "statuses",
  "errors",
  "user_actions",
  "message_echoes",
  "calls",
  "history",
  "user_preferences",
  "user_id_update",
  "state_sync",
  "messaging_handovers",
  "groups",
]);
const isArrayOfUpdates = (name: string) => UPDATES.has(name);
