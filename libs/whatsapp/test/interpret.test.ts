import { describe, expect, test } from "vitest";
import { interpretUpdate, type Interpretation, type JsonRecord } from "../src/index.ts";
import { delivery, messagesDelivery, METADATA, OTHER_FIELDS, split, value } from "./fixtures/deliveries.ts";
import {
  contact,
  CUSTOMER_PHONE,
  CUSTOMER_USER_ID,
  message,
  EXAMPLE_TYPES,
  SENT_AT_SECONDS,
  status,
} from "./fixtures/messages.ts";

const SENT_AT = new Date(SENT_AT_SECONDS * 1000);
const CUSTOMER = { userId: CUSTOMER_USER_ID, parentUserId: null, phone: CUSTOMER_PHONE };
const QUIET = ["reaction", "edit", "revoke", "system"];

/** Interprets the first line of a delivery. */
function meaning(body: unknown): Interpretation {
  const [line] = split(body);
  if (line === undefined) throw new Error("the delivery has no line");
  return interpretUpdate(line);
}

function meaningOfMessage(sent: JsonRecord, contacts = [contact()]): Interpretation {
  return meaning(messagesDelivery({ contacts, messages: [sent] }));
}

function meaningOfCall(call: JsonRecord): Interpretation {
  const sent = { id: "wacid.1", from: CUSTOMER_PHONE, timestamp: String(SENT_AT_SECONDS), ...call };
  return meaning(delivery({ field: "calls", value: value({ contacts: [contact()], calls: [sent] }) }));
}

function meaningOfNotice(system: JsonRecord, members: JsonRecord = {}): Interpretation {
  return meaningOfMessage(message("system", { from: undefined, from_user_id: undefined, system, ...members }), []);
}

function meaningOfCallStatus(name: string): Interpretation {
  return meaning(delivery({ field: "calls", value: value({ statuses: [status(name, { id: "wacid.1" })] }) }));
}

test.each(EXAMPLE_TYPES)("a message of type %s opens and renews unless it asks for no answer", (type) => {
  const asksForAnswer = !QUIET.includes(type);
  expect(meaningOfMessage(message(type))).toEqual({
    kind: "interaction",
    messageId: message(type)["id"],
    type,
    sentAt: SENT_AT,
    identities: CUSTOMER,
    profile: { name: "Ana", username: "ana.br" },
    opensConversation: asksForAnswer,
    renewsSession: asksForAnswer,
  });
});

describe("who wrote", () => {
  test("a customer with a username and no phone number", () => {
    const sent = message("text", { from: undefined, from_parent_user_id: "BR.ENT.1" });
    expect(meaningOfMessage(sent, [contact({ wa_id: undefined })])).toMatchObject({
      kind: "interaction",
      identities: { userId: CUSTOMER_USER_ID, parentUserId: "BR.ENT.1", phone: null },
    });
  });
  test("a customer with a phone number only, and no contact beside the message", () => {
    expect(meaningOfMessage(message("text", { from_user_id: undefined }), [])).toMatchObject({
      identities: { userId: null, parentUserId: null, phone: CUSTOMER_PHONE },
      profile: { name: null, username: null },
    });
  });
  test("the contact fills what the message lacks", () => {
    expect(meaningOfMessage(message("text", { from: undefined, from_user_id: undefined }))).toMatchObject({
      identities: CUSTOMER,
    });
  });
  test("a name that Postgres would not take is made harmless", () => {
    const named = contact({ profile: { name: "A\0b\ud83d" } });
    expect(meaningOfMessage(message("text"), [named])).toMatchObject({
      profile: { name: "A\uFFFDb\uFFFD", username: null },
    });
  });
});

describe("a changed identity", () => {
  test("of a customer whose phone number shows", () => {
    const system = { type: "user_changed_number", wa_id: "34600000001", user_id: "ES.2", previous_user_id: "ES.1" };
    expect(meaningOfNotice(system, { from: "34600000000" })).toEqual({
      kind: "identity-change",
      messageId: message("system")["id"],
      sentAt: SENT_AT,
      change: "user_changed_number",
      identities: { userId: "ES.2", parentUserId: null, phone: "34600000001" },
      previous: { userId: "ES.1", parentUserId: null, phone: "34600000000" },
    });
  });
  test("of a customer without a phone number", () => {
    const system = {
      type: "user_changed_user_id",
      user_id: "ES.2",
      previous_user_id: "ES.1",
      parent_user_id: "ES.ENT.2",
      previous_parent_user_id: "ES.ENT.1",
    };
    expect(meaningOfNotice(system)).toMatchObject({
      identities: { userId: "ES.2", parentUserId: "ES.ENT.2", phone: null },
      previous: { userId: "ES.1", parentUserId: "ES.ENT.1", phone: null },
    });
  });
  test("is not what another notice says, which names the customer inside or nobody", () => {
    const notice = meaningOfNotice({ type: "user_identity_changed", user_id: "ES.2" });
    expect(notice).toMatchObject({
      kind: "interaction",
      type: "system",
      identities: { userId: "ES.2", parentUserId: null, phone: null },
      opensConversation: false,
      renewsSession: false,
    });
    expect(meaningOfNotice({ type: "user_identity_changed" })).toEqual({
      kind: "observation",
      what: "system",
      identities: null,
    });
  });
  test("without what it was before cannot be read", () => {
    const system = { type: "user_changed_number", wa_id: "34600000001" };
    expect(meaningOfNotice(system, { from: "34600000001" })).toMatchObject({
      kind: "unreadable",
      cause: expect.stringMatching(/^system: /) as string,
    });
  });
});

describe("what is kept and never distributed", () => {
  test.each(
    OTHER_FIELDS.filter(({ field }) => field === "standby" || field.startsWith("group_") || field === "history"),
  )("$field $keys", ({ field, value: content }) => {
    expect(meaning(delivery({ field, value: content }))).toMatchObject({ kind: "observation", what: field });
  });
  test.each(["user_preferences", "smb_app_state_sync", "messaging_handovers"])("%s", (field) => {
    const example = OTHER_FIELDS.find((one) => one.field === field);
    expect(meaning(delivery({ field, value: example?.value }))).toMatchObject({ kind: "observation", what: field });
  });
  test("preferences name the customer", () => {
    const example = OTHER_FIELDS.find((one) => one.field === "user_preferences");
    expect(meaning(delivery({ field: "user_preferences", value: example?.value }))).toMatchObject({
      identities: CUSTOMER,
    });
  });
  test("a message in a group", () => {
    expect(meaningOfMessage(message("text", { group_id: "g1" }))).toMatchObject({
      kind: "observation",
      what: "group-message",
    });
  });
});

test.each(["smb_message_echoes", "message_echoes"])(
  "an echo in %s is the business's own and names the customer",
  (field) => {
    const example = OTHER_FIELDS.find((one) => one.field === field);
    expect(meaning(delivery({ field, value: example?.value }))).toEqual({
      kind: "echo",
      messageId: "wamid.echo",
      type: "text",
      sentAt: SENT_AT,
      identities: CUSTOMER,
    });
  },
);

describe("calls", () => {
  test("a customer's call opens and renews when it rings", () => {
    expect(meaningOfCall({ event: "connect", direction: "USER_INITIATED" })).toMatchObject({
      kind: "interaction",
      type: "call",
      opensConversation: true,
      renewsSession: true,
      identities: CUSTOMER,
      sentAt: SENT_AT,
    });
  });
  test("its end does neither", () => {
    expect(meaningOfCall({ event: "terminate", direction: "USER_INITIATED" })).toMatchObject({
      kind: "observation",
      what: "call",
      identities: CUSTOMER,
    });
  });
  test("our call does neither until the customer accepts it, which renews", () => {
    const ours = { event: "connect", direction: "BUSINESS_INITIATED", from: METADATA.display_phone_number };
    expect(meaningOfCall({ ...ours, to: CUSTOMER_PHONE })).toMatchObject({
      kind: "observation",
      identities: CUSTOMER,
    });
    expect(meaningOfCallStatus("RINGING")).toMatchObject({
      kind: "observation",
      what: "call-status",
      identities: CUSTOMER,
    });
    expect(meaningOfCallStatus("ACCEPTED")).toMatchObject({
      kind: "interaction",
      opensConversation: false,
      renewsSession: true,
      identities: CUSTOMER,
    });
  });
});

describe("what cannot be read says which member and why", () => {
  test.each([
    ["timestamp", { timestamp: undefined }],
    ["timestamp", { timestamp: "yesterday" }],
    ["timestamp", { timestamp: String(SENT_AT_SECONDS * 1000) }],
    ["timestamp", { timestamp: "0" }],
    ["timestamp", { timestamp: 1.5 }],
    ["type", { type: 5 }],
    ["from", { from: undefined, from_user_id: undefined }],
    ["from", { from: {}, from_user_id: "" }],
  ])("%s: %j", (member, overrides) => {
    expect(meaningOfMessage(message("text", overrides), [])).toMatchObject({
      kind: "unreadable",
      cause: expect.stringMatching(new RegExp(`^${member}: `)) as string,
    });
  });
  test("a timestamp may be a number", () => {
    expect(meaningOfMessage(message("text", { timestamp: SENT_AT_SECONDS }))).toMatchObject({ sentAt: SENT_AT });
  });
});
