import type { InboundUpdate } from "@turno/contracts";
import { isRecord, type JsonRecord } from "./exact-json.ts";
import {
  identitiesOf,
  plainText,
  sentAtOf,
  unreadable,
  UnreadableUpdate,
  type WebhookIdentities,
} from "./interpret-members.ts";

export type { WebhookIdentities } from "./interpret-members.ts";

/** What an update of the `message` lane means; who reads it decides nothing from Meta's payload itself. */
export type Interpretation =
  | CustomerInteraction
  /** Written by hand by the business in the WhatsApp app; never opens a conversation or a session. */
  | { kind: "echo"; messageId: string; type: string; sentAt: Date; identities: WebhookIdentities }
  /** The customer is known by new ids from now on. */
  | {
      kind: "identity-change";
      messageId: string;
      sentAt: Date;
      change: string;
      identities: WebhookIdentities;
      previous: WebhookIdentities;
    }
  /** Kept, never distributed. `what` is the field, or `group-message`, `call`, `call-status`, `system`. */
  | { kind: "observation"; what: string; identities: WebhookIdentities | null }
  /** `cause` names the member and the rule that it breaks. */
  | { kind: "unreadable"; cause: string };

export interface CustomerInteraction {
  kind: "interaction";
  messageId: string;
  /** Meta's message type; an open set, so a new one is still a message. `call` for calls. */
  type: string;
  /** Meta's timestamp, to the second. Whether it lies in the future is for the reader's clock to say. */
  sentAt: Date;
  identities: WebhookIdentities;
  profile: { name: string | null; username: string | null };
  opensConversation: boolean;
  /** Opens or prolongs Meta's 24 hours, counted from `sentAt`. */
  renewsSession: boolean;
}

/** Meta does not say that these prolong the 24 hours, and they ask for no answer of their own. */
const QUIET_TYPES = new Set(["reaction", "edit", "revoke", "system"]);

/** Pure: the same update always means the same. Never throws. */
export function interpretUpdate(update: InboundUpdate): Interpretation {
  try {
    return interpret(update);
  } catch (error) {
    if (error instanceof UnreadableUpdate) return { kind: "unreadable", cause: error.message };
    throw error;
  }
}

function interpret(line: InboundUpdate): Interpretation {
  const { key, field, update } = line;
  if (!isRecord(update)) return unreadable(field, "must be an object");
  if (key.startsWith("standby:")) return observation(line, update, "standby");
  switch (key.slice(0, key.indexOf(":"))) {
    case "msg":
      return message(line, update);
    case "echo":
      return echo(line, update);
    case "call":
      return call(line, update);
    default:
      return observation(line, update, field);
  }
}

function message(line: InboundUpdate, update: JsonRecord): Interpretation {
  if (update["group_id"] !== undefined) return observation(line, update, "group-message");
  const messageId = plainText(update, "id");
  const type = plainText(update, "type");
  const sentAt = sentAtOf(update);
  const system = update["system"];
  if (type === "system" && isRecord(system) && isIdentityChange(system["type"])) {
    return identityChange(update, system, { messageId, sentAt, change: system["type"] });
  }
  const isQuiet = QUIET_TYPES.has(type);
  const identities = fromCustomer(line, update) ?? (isRecord(system) ? ofNotice(system) : null);
  // A notice that names nobody changes nothing: it is no reason to alarm anybody.
  if (identities === null && type === "system") return { kind: "observation", what: "system", identities };
  if (identities === null) return unreadable("from", "a message needs a phone number or a user id");
  return {
    kind: "interaction",
    messageId,
    type,
    sentAt,
    identities,
    profile: profileOf(line),
    opensConversation: !isQuiet,
    renewsSession: !isQuiet,
  };
}

/** Older webhooks say `customer_` where newer ones say `user_`. */
function isIdentityChange(type: unknown): type is string {
  return typeof type === "string" && /^(user|customer)_changed_/.test(type);
}

function identityChange(
  update: JsonRecord,
  system: JsonRecord,
  details: { messageId: string; sentAt: Date; change: string },
): Interpretation {
  const identities = ofNotice(system);
  if (identities === null) return unreadable("system", "a changed identity needs the new user id or phone number");
  const previous = identitiesOf({
    userId: system["previous_user_id"],
    parentUserId: system["previous_parent_user_id"],
    // Where Meta shows a sender it is the old number; one that is already the new number says nothing of the past.
    phone: update["from"] === identities.phone ? null : update["from"],
  });
  if (previous === null) return unreadable("system", "a changed identity needs the previous user id or phone number");
  return { kind: "identity-change", ...details, identities, previous };
}

/** Notices name the customer inside, normally by the user id alone. */
function ofNotice(system: JsonRecord): WebhookIdentities | null {
  return identitiesOf({
    userId: system["user_id"],
    parentUserId: system["parent_user_id"],
    phone: system["new_wa_id"] ?? system["wa_id"],
  });
}

function echo(line: InboundUpdate, update: JsonRecord): Interpretation {
  if (update["group_id"] !== undefined) return observation(line, update, "group-message");
  const identities = toCustomer(line, update);
  if (identities === null) return unreadable("to", "an echo needs a phone number or a user id");
  return {
    kind: "echo",
    messageId: plainText(update, "id"),
    type: plainText(update, "type"),
    sentAt: sentAtOf(update),
    identities,
  };
}

/**
 * The customer's call opens the session when it rings, answered or not; ours when the customer accepts it. The end of a
 * call says nothing new about either.
 */
function call(line: InboundUpdate, update: JsonRecord): Interpretation {
  const isStatus = update["event"] === undefined;
  const isCustomers = !isStatus && update["direction"] === "USER_INITIATED" && update["event"] === "connect";
  const isAccepted = isStatus && update["status"] === "ACCEPTED";
  if (!isCustomers && !isAccepted) return observation(line, update, isStatus ? "call-status" : "call");
  const identities = isAccepted ? statusRecipient(line, update) : fromCustomer(line, update);
  if (identities === null) {
    return unreadable(isAccepted ? "recipient_id" : "from", "a call needs a phone number or a user id");
  }
  return {
    kind: "interaction",
    messageId: plainText(update, "id"),
    type: "call",
    sentAt: sentAtOf(update),
    identities,
    profile: profileOf(line),
    opensConversation: isCustomers,
    renewsSession: true,
  };
}

function observation(line: InboundUpdate, update: JsonRecord, what: string): Interpretation {
  const isOurs = update["to"] !== undefined || update["to_user_id"] !== undefined;
  const isStatus = update["recipient_id"] !== undefined || update["recipient_user_id"] !== undefined;
  if (isStatus) return { kind: "observation", what, identities: statusRecipient(line, update) };
  const isByCustomer = update["direction"] === "USER_INITIATED" || !isOurs;
  return {
    kind: "observation",
    what,
    identities: isByCustomer ? fromCustomer(line, update) : toCustomer(line, update),
  };
}

function fromCustomer(line: InboundUpdate, update: JsonRecord): WebhookIdentities | null {
  const [contact = {}] = line.contacts;
  return identitiesOf({
    userId: update["from_user_id"] ?? update["user_id"] ?? contact["user_id"],
    parentUserId: update["from_parent_user_id"] ?? update["parent_user_id"] ?? contact["parent_user_id"],
    phone: update["from"] ?? update["wa_id"] ?? contact["wa_id"],
  });
}

function toCustomer(line: InboundUpdate, update: JsonRecord): WebhookIdentities | null {
  const [contact = {}] = line.contacts;
  return identitiesOf({
    userId: update["to_user_id"] ?? contact["user_id"],
    parentUserId: update["to_parent_user_id"] ?? contact["parent_user_id"],
    phone: update["to"] ?? contact["wa_id"],
  });
}

function statusRecipient(line: InboundUpdate, update: JsonRecord): WebhookIdentities | null {
  const [contact = {}] = line.contacts;
  return identitiesOf({
    userId: update["recipient_user_id"] ?? contact["user_id"],
    parentUserId: update["recipient_parent_user_id"] ?? update["parent_recipient_user_id"] ?? contact["parent_user_id"],
    phone: update["recipient_id"] ?? contact["wa_id"],
  });
}

function profileOf(line: InboundUpdate): { name: string | null; username: string | null } {
  const profile = line.contacts[0]?.["profile"];
  if (!isRecord(profile)) return { name: null, username: null };
  return { name: displayText(profile["name"]), username: displayText(profile["username"]) };
}

const DISPLAY_LENGTH_MAX = 512;

/** A name to be shown: Postgres takes no U+0000 in text, nor half a surrogate pair. */
function displayText(value: unknown): string | null {
  if (typeof value !== "string" || value === "") return null;
  return value.slice(0, DISPLAY_LENGTH_MAX).toWellFormed().replaceAll("\0", "\uFFFD");
}
