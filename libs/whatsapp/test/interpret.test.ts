import { describe, expect, test } from "vitest";
import { interpretLine, isStatusLine, sayMessage, type JsonRecord } from "../src/index.ts";
import {
  ACCOUNT_ID,
  delivery,
  messagesDelivery,
  METADATA,
  OTHER_FIELDS,
  RECEIVED_AT,
  splitRaw,
  value,
} from "./fixtures/deliveries.ts";
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
const CUSTOMER = { userId: CUSTOMER_USER_ID, parentUserId: null, phone: CUSTOMER_PHONE, phoneKey: CUSTOMER_PHONE };
const QUIET = ["reaction", "edit", "revoke", "system"];

/** The first line of a delivery, as it lies in the log. */
function firstLine(body: unknown): string {
  const [line] = splitRaw(JSON.stringify(body));
  if (line === undefined) throw new Error("the delivery has no line");
  return line.json;
}

const meaning = (body: unknown) => interpretLine(firstLine(body));

function meaningOfMessage(sent: JsonRecord, contacts = [contact()]) {
  return meaning(messagesDelivery({ contacts, messages: [sent] }));
}

function meaningOfCall(call: JsonRecord) {
  const sent = { id: "wacid.1", from: CUSTOMER_PHONE, timestamp: String(SENT_AT_SECONDS), ...call };
  return meaning(delivery({ field: "calls", value: value({ contacts: [contact()], calls: [sent] }) }));
}

function meaningOfNotice(system: JsonRecord, members: JsonRecord = {}) {
  return meaningOfMessage(message("system", { from: undefined, from_user_id: undefined, system, ...members }), []);
}

function meaningOfCallStatus(name: string) {
  return meaning(delivery({ field: "calls", value: value({ statuses: [status(name, { id: "wacid.1" })] }) }));
}

test.each(EXAMPLE_TYPES)("a message of type %s opens and renews unless it asks for no answer", (type) => {
  const asksForAnswer = !QUIET.includes(type);
  const body = messagesDelivery({ contacts: [contact()], messages: [message(type)] });
  expect(meaning(body)).toEqual({
    kind: "interaction",
    key: `msg:${String(message(type)["id"])}`,
    field: "messages",
    line: firstLine(body),
    receivedAt: new Date(RECEIVED_AT),
    accountId: ACCOUNT_ID,
    phoneNumberId: METADATA.phone_number_id,
    content: JSON.stringify(message(type)),
    text: sayMessage(type, message(type)),
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
      identities: { userId: CUSTOMER_USER_ID, parentUserId: "BR.ENT.1", phone: null, phoneKey: null },
    });
  });
  test("a customer with a phone number only, and no contact beside the message", () => {
    expect(meaningOfMessage(message("text", { from_user_id: undefined }), [])).toMatchObject({
      identities: { ...CUSTOMER, userId: null },
      profile: { name: null, username: null },
    });
  });
  test("a customer whose number is spelt in another way has the same key to be found by", () => {
    expect(meaningOfMessage(message("text", { from: "5215512345678" }), [])).toMatchObject({
      identities: { phone: "5215512345678", phoneKey: "525512345678" },
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
    expect(meaningOfNotice(system, { from: "34600000000" })).toMatchObject({
      kind: "identity-change",
      type: "system",
      sentAt: SENT_AT,
      change: "user_changed_number",
      identities: { userId: "ES.2", parentUserId: null, phone: "34600000001", phoneKey: "34600000001" },
      previous: { userId: "ES.1", parentUserId: null, phone: "34600000000", phoneKey: "34600000000" },
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
    expect(meaningOfNotice({ type: "user_identity_changed" })).toMatchObject({ kind: "observation", what: "system" });
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
  test.each(["smb_app_state_sync", "messaging_handovers"])("%s", (field) => {
    const example = OTHER_FIELDS.find((one) => one.field === field);
    expect(meaning(delivery({ field, value: example?.value }))).toMatchObject({ kind: "observation", what: field });
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
    expect(meaning(delivery({ field, value: example?.value }))).toMatchObject({
      kind: "echo",
      key: "echo:wamid.echo",
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
  test("its end does neither, and says whether it was missed", () => {
    const end = { event: "terminate", direction: "USER_INITIATED" };
    const quiet = { kind: "interaction", type: "call_end", opensConversation: false, renewsSession: false };
    expect(meaningOfCall({ ...end, status: "COMPLETED", duration: 42 })).toMatchObject({
      ...quiet,
      identities: CUSTOMER,
      text: "[call] ended after 42 s",
    });
    expect(meaningOfCall({ ...end, status: "FAILED" })).toMatchObject({ ...quiet, text: "[call] missed" });
    expect(meaningOfCall({ ...end, direction: "BUSINESS_INITIATED" })).toMatchObject({ kind: "observation" });
  });
  test("our call does neither until the customer accepts it, which renews", () => {
    const ours = { event: "connect", direction: "BUSINESS_INITIATED", from: METADATA.display_phone_number };
    expect(meaningOfCall({ ...ours, to: CUSTOMER_PHONE })).toMatchObject({ kind: "observation" });
    expect(meaningOfCallStatus("RINGING")).toMatchObject({ kind: "observation", what: "call-status" });
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
  test("a message that names no number of ours", () => {
    const metadata = { display_phone_number: METADATA.display_phone_number };
    const body = delivery({ field: "messages", value: { ...value({ messages: [message("text")] }), metadata } });
    expect(meaning(body)).toMatchObject({
      kind: "unreadable",
      cause: "metadata.phone_number_id: must name the business number",
    });
  });
  test.each(["no JSON", "{}"])("%s, of which nothing but its text is known", (line) => {
    expect(interpretLine(line)).toEqual({
      kind: "unreadable",
      key: null,
      field: "",
      line,
      cause: expect.stringMatching(/^not-/) as string,
    });
  });
});

test("a delivery status is told from all else by its line", () => {
  const lineOf = (members: JsonRecord, field = "messages") => firstLine(delivery({ field, value: value(members) }));
  expect(isStatusLine(lineOf({ statuses: [status("sent")] }))).toBe(true);
  expect(isStatusLine(lineOf({ statuses: [status("RINGING")] }, "calls"))).toBe(false);
  expect(isStatusLine(lineOf({ statuses: [status("sent")] }, "standby"))).toBe(false);
  expect(isStatusLine(lineOf({ contacts: [contact()], messages: [message("text")] }))).toBe(false);
  expect(isStatusLine("no JSON")).toBe(false);
});

describe("what a customer says about marketing messages", () => {
  const said = { user_id: CUSTOMER_USER_ID, category: "marketing_messages", timestamp: SENT_AT_SECONDS };
  const meaningOf = (preference: object) =>
    meaning(delivery({ field: "user_preferences", value: value({ user_preferences: [{ ...said, ...preference }] }) }));

  test("takes effect on its contact, from Meta's time on", () => {
    expect(meaningOf({ value: "stop" })).toMatchObject({
      kind: "marketing-choice",
      isStopped: true,
      identities: { userId: CUSTOMER_USER_ID, phone: null },
      sentAt: SENT_AT,
    });
    expect(meaningOf({ value: "resume" })).toMatchObject({ kind: "marketing-choice", isStopped: false });
  });

  test("is kept where it is about something else, says another word or names nobody", () => {
    for (const odd of [
      { value: "pause" },
      { category: "offers", value: "stop" },
      { value: "stop", user_id: undefined },
    ]) {
      expect(meaningOf(odd)).toMatchObject({ kind: "observation", what: "user_preferences" });
    }
  });
});
