import { hash } from "node:crypto";
import { canonicalJson, isRecord, plainId, type JsonRecord } from "./exact-json.ts";
import type { ItemKind } from "./fields.ts";

/**
 * Returns the dedupe key of an item that names itself, or null if it lacks its id. Keys hold no app, because Meta
 * resends to every subscribed app.
 *
 * `msg:{wamid}` · `st:{wamid}[:{type}]:{status}[:{participant}]` · `echo:{id}` · `call:{id}:{event or status}`
 */
export function itemKey(kind: Exclude<ItemKind, "error" | "other">, item: unknown): string | null {
  if (!isRecord(item)) return null;
  const id = plainId(item["id"]);
  if (id === null) return null;
  switch (kind) {
    case "message":
      return `msg:${id}`;
    case "echo":
      return `echo:${id}`;
    case "call":
      return withPart(`call:${id}`, plainId(item["event"], 64));
    case "call-status":
      return withPart(`call:${id}`, plainId(item["status"], 64));
    default: {
      // A payment has words of its own, and one of them is a delivery's too.
      const type = statusType(item);
      const key = withPart(type === "message" ? `st:${id}` : `st:${id}:${type}`, plainId(item["status"], 64));
      const participant =
        plainId(item["recipient_participant_id"]) ??
        plainId(item["participant_recipient_id"]) ??
        plainId(item["recipient_participant_user_id"]);
      return participant === null ? key : withPart(key, participant);
    }
  }
}

/** What a status is about: the message itself, or its `payment`. Source: Meta, Payments API, "Payment signals". */
export const statusType = (item: JsonRecord): string => plainId(item["type"], 64) ?? "message";

function withPart(key: string | null, part: string | null): string | null {
  return key === null || part === null ? null : `${key}:${part}`;
}

/**
 * Returns the dedupe key of everything else: `{field}:{account}:{sha256}` over the content, its channel and the entry's
 * time.
 */
export function contentKey(
  field: string,
  accountId: string | null,
  content: unknown,
  circumstances: { time?: unknown; phoneNumberId?: unknown } = {},
): string {
  const text = canonicalJson([content, circumstances.time ?? null, circumstances.phoneNumberId ?? null]);
  return `${field}:${accountId ?? "-"}:${hash("sha256", text, "hex")}`;
}
