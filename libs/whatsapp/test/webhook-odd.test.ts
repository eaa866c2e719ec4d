import { inboundUpdateSchema } from "@turno/contracts";
import { describe, expect, test } from "vitest";
import { delivery, messagesDelivery, readWritten, split, splitRaw, value } from "./fixtures/deliveries.ts";
import { contact, message, status } from "./fixtures/messages.ts";

const good = message("text");
const rest = (body: unknown) => split(body).filter((line) => line.lane === "unrecognised");

describe("bodies that are no delivery are kept whole", () => {
  test.each([
    ["another object", { object: "page", entry: [] }],
    ["no entry", { object: "whatsapp_business_account" }],
    ["entry no array", { object: "whatsapp_business_account", entry: {} }],
    ["an array", [1, 2]],
    ["a number", 5],
    ["null", null],
  ])("%s", (_case, body) => {
    const lines = split(body);
    expect(lines.map(({ lane, update }) => [lane, update])).toEqual([["unrecognised", body]]);
  });
  test.each(["", "not json", '{"object":', "{}}", "\uFEFF{}"])("what is not JSON as a string: %j", (text) => {
    const [line, ...others] = splitRaw(text).map(readWritten);
    expect(others).toEqual([]);
    expect(line?.lane).toBe("unrecognised");
    expect(line?.update).toBe(text);
    expect(line?.key).toMatch(/^body:-:[0-9a-f]{64}$/);
  });
  test("what is not UTF-8 as base64, byte for byte", () => {
    const body = Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x00, 0x22, 0x7d]);
    const [line] = splitRaw(body).map(readWritten);
    expect(line?.update).toEqual({ base64: body.toString("base64") });
  });
  test("text that would grow sixfold when quoted as base64, so that it fits a record", () => {
    const body = "\u0001".repeat(4 * 1024 * 1024);
    const [update] = splitRaw(body);
    expect(update?.json.length).toBeLessThan(6 * 1024 * 1024);
  });
  test("nesting deeper than the stack", () => {
    const depth = 100_000;
    const body = `{"object":"whatsapp_business_account","entry":[${"[".repeat(depth)}${"]".repeat(depth)}]}`;
    const [line] = splitRaw(body).map(readWritten);
    expect(line?.update).toBe(body);
  });
});

test("a delivery without entries holds nothing", () => {
  expect(split({ object: "whatsapp_business_account", entry: [] })).toEqual([]);
});

describe("an odd part goes raw to unrecognised, as the smallest part that encloses it, and the rest goes on", () => {
  test.each([
    ["an entry that is a string", { object: "whatsapp_business_account", entry: ["x"] }, ["x"]],
    ["an entry without changes", { object: "whatsapp_business_account", entry: [{ id: "1" }] }, [{ id: "1" }]],
    ["a change that is null", { object: "whatsapp_business_account", entry: [{ id: "1", changes: [null] }] }, [null]],
    ["an unknown field", delivery({ field: "holograms", value: { a: 1 } }), [{ field: "holograms", value: { a: 1 } }]],
    ["a value that is a number", delivery({ field: "messages", value: 5 }), [{ field: "messages", value: 5 }]],
    ["a field that is a number", delivery({ field: 5, value: {} }), [{ field: 5, value: {} }]],
    ["a message that is null", messagesDelivery({ messages: [null, good] }), [null]],
    ["a message without an id", messagesDelivery({ messages: [{ from: "1" }, good] }), [{ from: "1" }]],
    ["a status without a status", messagesDelivery({ statuses: [{ id: "wamid.1" }] }), [{ id: "wamid.1" }]],
    ["an id with U+0000", messagesDelivery({ messages: [{ id: "a\0b" }] }), [{ id: "a\0b" }]],
    ["messages that are no array", messagesDelivery({ messages: 1, statuses: [status("sent")] }), [{ messages: 1 }]],
    ["a call without an event", delivery({ field: "calls", value: value({ calls: [{ id: "1" }] }) }), [{ id: "1" }]],
  ])("%s", (_case, body, updates) => {
    expect(rest(body).map((line) => line.update)).toEqual(updates);
    for (const line of split(body)) expect(inboundUpdateSchema.safeParse(line).success).toBe(true);
  });

  test("a messages change without any known array is kept whole", () => {
    const change = { field: "messages", value: value({ contacts: [contact()], holograms: [1] }) };
    expect(rest(delivery(change)).map((line) => line.update)).toEqual([change]);
  });
  test("metadata that readers could not rely on keeps the change whole", () => {
    const change = { field: "messages", value: { metadata: { phone_number_id: 5 }, messages: [good] } };
    expect(rest(delivery(change)).map((line) => line.update)).toEqual([change]);
  });
  test("members that Meta may add one day are kept", () => {
    const body = { ...delivery({ field: "security", value: { event: "x" }, since: 1 }), version: 2 };
    expect(rest(body).map((line) => line.update)).toEqual([{ version: 2 }, { since: 1 }]);
  });
});
