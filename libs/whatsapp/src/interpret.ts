import type { InboundUpdate } from "@turno/contracts";
import {
  isQuiet,
  toStorableText,
  type Identities,
  type Inbound,
  type Observation,
  type Unreadable,
} from "@turno/conversation";
import { isNestedDeep, isRecord, type JsonRecord } from "./exact-json.ts";
import { identitiesOf, plainText, sentAtOf, unreadable, UnreadableUpdate } from "./interpret-members.ts";
import { readLine } from "./read-line.ts";
import { sayMessage } from "./words/say-message.ts";

/** Says what a line of the `message` lane means; who takes it decides nothing from Meta's payload. Never throws. */
export function interpretLine(line: string): Inbound | Observation | Unreadable {
  const from = readLine(line);
  if ("cause" in from) return from;
  try {
    return interpret(from, line);
  } catch (error) {
    const isTooDeep = error instanceof RangeError && isNestedDeep(line);
    if (!(error instanceof UnreadableUpdate || isTooDeep)) throw error;
    const cause = isTooDeep ? `${from.field}: is nested too deep` : error.message;
    return { kind: "unreadable", key: from.key, field: from.field, line, cause };
  }
}

function interpret(from: InboundUpdate, line: string): Inbound | Observation {
  const { key, field, update } = from;
  if (!isRecord(update)) return unreadable(field, "must be an object");
  if (key.startsWith("standby:")) return observation(from, line, "standby");
  switch (key.slice(0, key.indexOf(":"))) {
    case "msg":
      return message(from, update, line);
    case "echo":
      return echo(from, update, line);
    case "call":
      return call(from, update, line);
    case "user_preferences":
      return choice(from, update, line);
    case "user_id_update":
      return idUpdate(from, update, line);
    default:
      return observation(from, line, field);
  }
}

/** What else Meta may let a customer choose one day is kept. Source: Meta, Cloud API, "user_preferences webhook". */
function choice(from: InboundUpdate, update: JsonRecord, line: string): Inbound | Observation {
  const { category, value, user_id: userId, wa_id: phone } = update;
  const identities = identitiesOf({ userId, parentUserId: update["parent_user_id"], phone });
  const isKnown = category === "marketing_messages" && (value === "stop" || value === "resume");
  if (!isKnown || identities === null || from.metadata?.phone_number_id === undefined) {
    return observation(from, line, from.field);
  }
  const common = effective(from, update, line, "user_preferences");
  return { ...common, kind: "marketing-choice", identities, isStopped: value === "stop" };
}

function observation(from: InboundUpdate, line: string, what: string): Observation {
  const { key, field, metadata } = from;
  const phoneNumberId = metadata?.phone_number_id ?? null;
  return { kind: "observation", key, field, line, receivedAt: new Date(from.receivedAt), what, phoneNumberId };
}

/** What all that takes effect has, whichever kind it is. */
function effective(from: InboundUpdate, update: JsonRecord, line: string, type = plainText(update, "type")) {
  return {
    key: from.key,
    field: from.field,
    line,
    receivedAt: new Date(from.receivedAt),
    accountId: from.accountId,
    phoneNumberId:
      from.metadata?.phone_number_id ?? unreadable("metadata.phone_number_id", "must name the business number"),
    type,
    sentAt: sentAtOf(update),
    content: JSON.stringify(update),
    text: sayMessage(type, update),
  };
}

function message(from: InboundUpdate, update: JsonRecord, line: string): Inbound | Observation {
  if (update["group_id"] !== undefined) return observation(from, line, "group-message");
  const common = effective(from, update, line);
  const system = update["system"];
  if (common.type === "system" && isRecord(system) && isIdentityChange(system["type"])) {
    return { ...common, kind: "identity-change", change: system["type"], ...changedIdentities(update, system) };
  }
  const identities = fromCustomer(from, update) ?? (isRecord(system) ? ofNotice(system) : null);
  // A notice that names nobody changes nothing: it is no reason to alarm anybody.
  if (identities === null && common.type === "system") return observation(from, line, "system");
  if (identities === null) return unreadable("from", "a message needs a phone number or a user id");
  const isLoud = !isQuiet(common.type);
  return {
    ...common,
    kind: "interaction",
    identities,
    profile: profileOf(from),
    ...sharedPhoneOf(update),
    opensConversation: isLoud,
    renewsSession: isLoud,
  };
}

/**
 * The customer's own phone, which it gave on being asked for it. Any other contact card is somebody else's, or may be.
 * Source: Meta, Cloud API, "Contacts messages", `origin`.
 */
function sharedPhoneOf(update: JsonRecord): { sharedPhone?: Pick<Identities, "phone" | "phoneKey"> } {
  const cards = update["contacts"];
  if (update["type"] !== "contacts" || !Array.isArray(cards)) return {};
  const card: unknown = cards.find((found) => isRecord(found) && found["origin"] === "contact_request");
  const [first] = isRecord(card) && Array.isArray(card["phones"]) ? (card["phones"] as unknown[]) : [];
  if (!isRecord(first)) return {};
  const found = identitiesOf({ userId: null, parentUserId: null, phone: first["wa_id"] ?? first["phone"] });
  return found?.phone == null ? {} : { sharedPhone: { phone: found.phone, phoneKey: found.phoneKey } };
}

/** Older webhooks say `customer_` where newer ones say `user_`. */
function isIdentityChange(type: unknown): type is string {
  return typeof type === "string" && /^(user|customer)_changed_/.test(type);
}

/** Some forwarders still send the field that Meta withdrew: each id is `{previous, current}`, or stands as in a notice. */
function idUpdate(from: InboundUpdate, update: JsonRecord, line: string): Inbound {
  const [user, parent] = [update["user_id"], update["parent_user_id"]];
  const notice = {
    ...update,
    ...(isRecord(user) ? { user_id: user["current"], previous_user_id: user["previous"] } : {}),
    ...(isRecord(parent) ? { parent_user_id: parent["current"], previous_parent_user_id: parent["previous"] } : {}),
  };
  const common = effective(from, update, line, "system");
  return { ...common, kind: "identity-change", change: "user_id_update", ...changedIdentities({}, notice) };
}

/** Who the customer is from now on, and was before. */
function changedIdentities(update: JsonRecord, system: JsonRecord): { identities: Identities; previous: Identities } {
  const identities = ofNotice(system);
  if (identities === null) return unreadable("system", "a changed identity needs the new user id or phone number");
  const previous = identitiesOf({
    // Before 2026-08-11 the old id stood outside the notice, as the sender's.
    userId:
      system["previous_user_id"] ?? (update["from_user_id"] === identities.userId ? null : update["from_user_id"]),
    parentUserId: system["previous_parent_user_id"],
    // Where Meta shows a sender it is the old number; one that is already the new number says nothing of the past.
    phone: update["from"] === identities.phone ? null : update["from"],
  });
  if (previous === null) return unreadable("system", "a changed identity needs the previous user id or phone number");
  return { identities, previous };
}

/** Notices name the customer inside, normally by the user id alone. */
function ofNotice(system: JsonRecord): Identities | null {
  return identitiesOf({
    userId: system["user_id"],
    parentUserId: system["parent_user_id"],
    phone: system["new_wa_id"] ?? system["wa_id"],
  });
}

function echo(from: InboundUpdate, update: JsonRecord, line: string): Inbound | Observation {
  if (update["group_id"] !== undefined) return observation(from, line, "group-message");
  const identities = toCustomer(from, update);
  if (identities === null) return unreadable("to", "an echo needs a phone number or a user id");
  return { ...effective(from, update, line), kind: "echo", identities };
}

/**
 * The customer's call opens the session when it rings, answered or not; ours when the customer accepts it. Its end says
 * nothing new about either, but whether it was missed. Source: Meta, Cloud API, "Calling webhooks".
 */
function call(from: InboundUpdate, update: JsonRecord, line: string): Inbound | Observation {
  const { event, direction, status } = update;
  const isStatus = event === undefined;
  const isAccepted = isStatus && status === "ACCEPTED";
  const isCustomers = direction === "USER_INITIATED" && (event === "connect" || event === "terminate");
  if (!isCustomers && !isAccepted) return observation(from, line, isStatus ? "call-status" : "call");
  const identities = isAccepted ? statusRecipient(from, update) : fromCustomer(from, update);
  if (identities === null) {
    return unreadable(isAccepted ? "recipient_id" : "from", "a call needs a phone number or a user id");
  }
  const isEnd = event === "terminate";
  return {
    ...effective(from, update, line, isEnd ? "call_end" : "call"),
    kind: "interaction",
    identities,
    profile: profileOf(from),
    opensConversation: event === "connect",
    renewsSession: !isEnd,
  };
}

function fromCustomer(from: InboundUpdate, update: JsonRecord): Identities | null {
  const [contact = {}] = from.contacts;
  return identitiesOf({
    userId: update["from_user_id"] ?? contact["user_id"],
    parentUserId: update["from_parent_user_id"] ?? contact["parent_user_id"],
    phone: update["from"] ?? contact["wa_id"],
  });
}

function toCustomer(from: InboundUpdate, update: JsonRecord): Identities | null {
  const [contact = {}] = from.contacts;
  return identitiesOf({
    userId: update["to_user_id"] ?? contact["user_id"],
    parentUserId: update["to_parent_user_id"] ?? contact["parent_user_id"],
    phone: update["to"] ?? contact["wa_id"],
  });
}

function statusRecipient(from: InboundUpdate, update: JsonRecord): Identities | null {
  const [contact = {}] = from.contacts;
  return identitiesOf({
    userId: update["recipient_user_id"] ?? contact["user_id"],
    parentUserId: update["recipient_parent_user_id"] ?? update["parent_recipient_user_id"] ?? contact["parent_user_id"],
    phone: update["recipient_id"] ?? contact["wa_id"],
  });
}

function profileOf(from: InboundUpdate): { name: string | null; username: string | null } {
  const profile = from.contacts[0]?.["profile"];
  if (!isRecord(profile)) return { name: null, username: null };
  return { name: displayText(profile["name"]), username: displayText(profile["username"]) };
}

const DISPLAY_LENGTH_MAX = 512;

/** A name to be shown. */
function displayText(value: unknown): string | null {
  if (typeof value !== "string" || value === "") return null;
  return toStorableText(value.slice(0, DISPLAY_LENGTH_MAX));
}
