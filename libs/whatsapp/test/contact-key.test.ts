import { expect, test } from "vitest";
import { contactKeyOf, type JsonRecord } from "../src/index.ts";

const key = (dedupeKey: string, update: JsonRecord, contacts: JsonRecord[] = []) =>
  contactKeyOf({ key: dedupeKey, update, contacts });

test.each([
  ["the user id first", "msg:1", { from: "5511", from_user_id: "BR.1" }, [], "user:BR.1"],
  ["the contact's user id before the phone", "msg:1", { from: "5511" }, [{ user_id: "BR.1" }], "user:BR.1"],
  ["the canonical phone", "msg:1", { from: "551187654321" }, [], "phone:5511987654321"],
  ["the contact's phone", "msg:1", {}, [{ wa_id: "5215512345678" }], "phone:525512345678"],
  ["the user id that stands as the phone", "msg:1", { from: "BR.1" }, [], "user:BR.1"],
  ["the new user id of an id update", "user_id_update:1:a", { user_id: { current: "BR.2" } }, [], "user:BR.2"],
  ["the group", "msg:1", { from: "5511", group_id: "g" }, [], "group:g"],
  ["the new user id", "msg:1", { from: "1", system: { user_id: "BR.2", wa_id: "2" } }, [], "user:BR.2"],
  ["the new phone", "msg:1", { from: "1", system: { wa_id: "2" } }, [], "phone:2"],
  ["who the echo went to", "echo:1", { from: "9", to: "5511", to_user_id: "BR.1" }, [], "user:BR.1"],
  ["the caller", "call:1:connect", { event: "connect", from: "5511", to: "9" }, [], "phone:5511"],
  [
    "the called",
    "call:1:connect",
    { event: "connect", direction: "BUSINESS_INITIATED", from: "9", to: "5511" },
    [],
    "phone:5511",
  ],
  ["the call", "call:1:RINGING", { id: "1", status: "RINGING", recipient_id: "5511" }, [], "message:1"],
  ["the message of a status", "st:1:read", { id: "1", recipient_id: "5511" }, [], "message:1"],
  ["the same on standby", "standby:msg:1", { from_user_id: "BR.1" }, [], "user:BR.1"],
  ["the same for a status on standby", "standby:st:1:read", { id: "1" }, [], "message:1"],
  ["the customer of a preference", "user_preferences:1:a", { user_id: "BR.1" }, [], "user:BR.1"],
  ["the sender of a handover", "messaging_handovers:1:a", { sender: { phone_number: "5511" } }, [], "phone:5511"],
  ["itself where it is about nobody", "account_update:1:a", { event: "x" }, [], "account_update:1:a"],
])("updates are kept in order by %s", (_case, dedupeKey, update, contacts, expected) => {
  expect(key(dedupeKey, update, contacts)).toBe(expected);
});

test("what is no object is ordered by its key", () => {
  expect(contactKeyOf({ key: "body:-:0", update: "raw", contacts: [] })).toBe("body:-:0");
});
