import type { InboundUpdate } from "@turno/contracts";
import { isRecord, plainId, type JsonRecord } from "./exact-json.ts";
import { canonicalPhone, userIdStandingAsPhone } from "./phone.ts";

/**
 * Returns the key by which updates are kept in order: updates with the same key take effect one after the other. A
 * contact's messages, echoes, calls and preferences share the contact's (`user:` and the business-scoped user id, else
 * `phone:` and the canonical phone). A system notice about a changed id goes with the new id, group messages with the
 * group, statuses with the message. An update about nobody has its dedupe key.
 */
export function contactKeyOf(line: Pick<InboundUpdate, "key" | "update" | "contacts">): string {
  const { update, contacts } = line;
  if (!isRecord(update)) return line.key;
  const key = line.key.startsWith("standby:") ? line.key.slice("standby:".length) : line.key;
  const kind = key.slice(0, key.indexOf(":"));
  if (kind === "st" || (kind === "call" && update["event"] === undefined)) {
    const id = plainId(update["id"]);
    return id === null ? line.key : `message:${id}`;
  }
  const group = plainId(update["group_id"]);
  if (group !== null) return `group:${group}`;
  const [named, known] = [namedCustomer(kind, update), contacts[0]];
  const phone = plainId(named.phone) ?? plainId(known?.["wa_id"]);
  const userId = plainId(named.userId) ?? plainId(known?.["user_id"]) ?? userIdStandingAsPhone(phone);
  if (userId !== null) return `user:${userId}`;
  return phone === null ? line.key : `phone:${canonicalPhone(phone)}`;
}

interface NamedCustomer {
  userId?: unknown;
  phone?: unknown;
}

/** Returns the customer whom an update itself names, whichever way the message or call went. */
function namedCustomer(kind: string, update: JsonRecord): NamedCustomer {
  switch (kind) {
    case "msg":
      return newIdentity(update["system"]) ?? { userId: update["from_user_id"], phone: update["from"] };
    case "echo":
      return { userId: update["to_user_id"], phone: update["to"] };
    case "call":
      return update["direction"] === "BUSINESS_INITIATED"
        ? { userId: update["to_user_id"], phone: update["to"] }
        : { userId: update["from_user_id"], phone: update["from"] };
    case "user_preferences":
      return { userId: update["user_id"], phone: update["wa_id"] };
    case "user_id_update": {
      const userId = update["user_id"];
      return { userId: isRecord(userId) ? userId["current"] : userId, phone: update["wa_id"] };
    }
    case "messaging_handovers": {
      const sender = update["sender"];
      return isRecord(sender) ? { userId: sender["user_id"], phone: sender["phone_number"] } : {};
    }
    default:
      return {};
  }
}

function newIdentity(system: unknown): NamedCustomer | null {
  if (!isRecord(system)) return null;
  const identity = { userId: system["user_id"], phone: system["new_wa_id"] ?? system["wa_id"] };
  return plainId(identity.userId) === null && plainId(identity.phone) === null ? null : identity;
}
