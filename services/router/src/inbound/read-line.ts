import { inboundUpdateSchema, type InboundUpdate } from "@turno/contracts";
import type { Identities } from "@turno/conversation";
import { canonicalPhone, interpretUpdate, parseExactJson, type Interpretation } from "@turno/whatsapp";
import { createHash } from "node:crypto";
import type { InboundItem } from "./apply-inbound.ts";

const LINE_KEY = "line";

/** Reads one line of the inbound log. What cannot be read says why, and is set aside. */
export function readLine(line: string): InboundItem {
  let value: unknown;
  try {
    value = parseExactJson(line);
  } catch (error) {
    return unreadableLine(line, `not-json: ${(error as Error).message}`);
  }
  const parsed = inboundUpdateSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return unreadableLine(line, `not-a-line: ${issue?.path.join(".")}: ${issue?.message}`);
  }
  return toItem(parsed.data, interpretUpdate(parsed.data), line);
}

function toItem(update: InboundUpdate, meaning: Interpretation, line: string): InboundItem {
  const { key, field } = update;
  const receivedAt = new Date(update.receivedAt);
  const place = { key, field, line, receivedAt };
  const phoneNumberId = update.metadata?.phone_number_id ?? null;
  if (meaning.kind === "unreadable") return { ...place, kind: "unreadable", cause: meaning.cause };
  if (meaning.kind === "observation") return { ...place, kind: "observation", what: meaning.what, phoneNumberId };
  if (phoneNumberId === null) {
    return { ...place, kind: "unreadable", cause: "metadata.phone_number_id: must name the business number" };
  }
  const common = {
    key,
    receivedAt,
    sentAt: meaning.sentAt,
    identities: withPhoneKey(meaning.identities),
    content: JSON.stringify(update.update),
  };
  switch (meaning.kind) {
    case "interaction": {
      const { type, opensConversation, renewsSession, profile } = meaning;
      const interaction = { kind: "interaction" as const, type, opensConversation, renewsSession, profile };
      return { ...place, kind: "update", phoneNumberId, update: { ...common, ...interaction } };
    }
    case "echo":
      return { ...place, kind: "update", phoneNumberId, update: { ...common, kind: "echo", type: meaning.type } };
    case "identity-change": {
      const previous = withPhoneKey(meaning.previous);
      const change = { kind: "identity-change" as const, type: "system", change: meaning.change, previous };
      return { ...place, kind: "update", phoneNumberId, update: { ...common, ...change } };
    }
  }
}

function withPhoneKey(identities: Omit<Identities, "phoneKey">): Identities {
  const { phone } = identities;
  return { ...identities, phoneKey: phone === null ? null : canonicalPhone(phone) };
}

/** A line of which nothing but its text is known. */
export function unreadableLine(line: string, cause: string): InboundItem {
  const key = `${LINE_KEY}:${createHash("sha256").update(line).digest("hex")}`;
  return { key, field: "", line, receivedAt: new Date(0), kind: "unreadable", cause };
}
