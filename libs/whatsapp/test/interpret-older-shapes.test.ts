import { expect, test } from "vitest";
import { interpretLine, type JsonRecord } from "../src/index.ts";
import { delivery, messagesDelivery, METADATA, splitRaw } from "./fixtures/deliveries.ts";
import { CUSTOMER_PHONE, message, SENT_AT_SECONDS } from "./fixtures/messages.ts";

/** The lane of a delivery's only line, and what the line means. */
function understood(body: unknown) {
  const [line, ...others] = splitRaw(JSON.stringify(body));
  if (line === undefined || others.length > 0) throw new Error("the delivery must have one line");
  return { lane: line.lane, meaning: interpretLine(line.json) };
}

const notice = (system: JsonRecord, also: JsonRecord) =>
  understood(messagesDelivery({ messages: [message("system", { from: undefined, ...also, system })] }));

test("a business-scoped id that stands in from alone is the customer's user id", () => {
  const sent = message("text", { from: "ES.1", from_user_id: undefined });
  expect(understood(messagesDelivery({ messages: [sent] })).meaning).toMatchObject({
    kind: "interaction",
    identities: { userId: "ES.1", phone: null, phoneKey: null },
  });
});

test("a notice whose old id stands only in from_user_id is a changed identity", () => {
  const system = { type: "user_changed_user_id", user_id: "ES.2" };
  expect(notice(system, { from_user_id: "ES.1" }).meaning).toMatchObject({
    kind: "identity-change",
    identities: { userId: "ES.2" },
    previous: { userId: "ES.1", phone: null },
  });
  expect(notice(system, { from_user_id: "ES.2" }).meaning).toMatchObject({ kind: "unreadable" });
});

test.each([
  [{ user_id: { previous: "ES.1", current: "ES.2" }, parent_user_id: { previous: "ES.ENT.1", current: "ES.ENT.2" } }],
  [{ user_id: "ES.2", previous_user_id: "ES.1", parent_user_id: "ES.ENT.2", previous_parent_user_id: "ES.ENT.1" }],
])("the field user_id_update is a changed identity (%o)", (ids) => {
  const update = { ...ids, wa_id: CUSTOMER_PHONE, timestamp: String(SENT_AT_SECONDS) };
  const content = { messaging_product: "whatsapp", metadata: METADATA, user_id_update: [update] };
  expect(understood(delivery({ field: "user_id_update", value: content }))).toMatchObject({
    lane: "message",
    meaning: {
      kind: "identity-change",
      sentAt: new Date(SENT_AT_SECONDS * 1000),
      identities: { userId: "ES.2", parentUserId: "ES.ENT.2", phone: CUSTOMER_PHONE },
      previous: { userId: "ES.1", parentUserId: "ES.ENT.1", phone: null },
    },
  });
});

test("history whose value holds the messages themselves is kept as history", () => {
  const content = { messaging_product: "whatsapp", metadata: METADATA, messages: [message("text")] };
  expect(understood(delivery({ field: "history", value: content }))).toMatchObject({
    lane: "message",
    meaning: { kind: "observation", what: "history" },
  });
});
