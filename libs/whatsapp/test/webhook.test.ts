import { inboundUpdateSchema, partitionOf } from "@turno/contracts";
import { describe, expect, test } from "vitest";
import {
  ACCOUNT_ID,
  delivery,
  messagesDelivery,
  METADATA,
  OTHER_FIELDS,
  RECEIVED_AT,
  split,
  splitRaw,
  value,
} from "./fixtures/deliveries.ts";
import { contact, CUSTOMER_USER_ID, message, EXAMPLE_TYPES, status } from "./fixtures/messages.ts";

const contactSync = (time: number, phoneNumberId: string) => ({
  object: "whatsapp_business_account",
  entry: [
    {
      id: ACCOUNT_ID,
      time,
      changes: [
        {
          field: "smb_app_state_sync",
          value: { metadata: { phone_number_id: phoneNumberId }, state_sync: [{ type: "contact" }] },
        },
      ],
    },
  ],
});

const person = (index: number) => ({ wa_id: `34600000${100 + index}`, user_id: `ES.${index}` });

const messageFrom = (index: number) =>
  message("text", { id: `wamid.${index}`, from: person(index).wa_id, from_user_id: person(index).user_id });

/** The line of a template update whose members are given as JSON text. */
const carry = (members: string) =>
  splitRaw(
    `{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"message_template_status_update","value":{${members}}}]}]}`,
  )[0]?.json;

test.each(EXAMPLE_TYPES)("a message of type %s becomes one line of the message lane, as Meta sent it", (type) => {
  const sent = message(type);
  const [line, ...others] = split(messagesDelivery({ contacts: [contact()], messages: [sent] }));
  expect(others).toEqual([]);
  expect(line).toEqual({
    lane: "message",
    partition: partitionOf(`user:${CUSTOMER_USER_ID}`),
    key: `msg:${String(sent["id"])}`,
    field: "messages",
    accountId: ACCOUNT_ID,
    metadata: METADATA,
    contacts: [contact()],
    update: sent,
    receivedAt: RECEIVED_AT,
  });
  expect(inboundUpdateSchema.safeParse(line).success).toBe(true);
});

test.each(OTHER_FIELDS)("field $field goes to the $lane lane: $keys", (example) => {
  const lines = split(delivery({ field: example.field, value: example.value }));
  expect(lines.map((line) => line.update)).toEqual(example.updates);
  for (const line of lines) {
    expect(line.lane).toBe(example.lane);
    expect(line.field).toBe(example.field);
    expect(inboundUpdateSchema.safeParse(line).success).toBe(true);
  }
  const contentKey = new RegExp(`^${example.field}:${ACCOUNT_ID}:[0-9a-f]{64}$`);
  const keys = lines.map((line) => line.key.replace(contentKey, "by content"));
  expect(keys).toEqual(example.keys ?? example.updates.map(() => "by content"));
});

describe("statuses", () => {
  test("go to the status lane under the message's id, its status and the participant", () => {
    const lines = split(
      messagesDelivery({
        statuses: [status("sent"), status("failed"), status("read", { recipient_participant_id: "5511" })],
      }),
    );
    expect(lines.map(({ lane, key }) => [lane, key])).toEqual([
      ["status", "st:wamid.ours:sent"],
      ["status", "st:wamid.ours:failed"],
      ["status", "st:wamid.ours:read:5511"],
    ]);
    expect(new Set(lines.map((line) => line.partition))).toEqual(new Set([partitionOf("message:wamid.ours")]));
  });
});

describe("dedupe keys", () => {
  test("are the same when the delivery is repeated, whatever the order of members", () => {
    const change = { field: "account_update", value: { event: "X", info: { a: 1, b: 2 } } };
    const turned = { value: { info: { b: 2, a: 1 }, event: "X" }, field: "account_update" };
    expect(split(delivery(change))[0]?.key).toBe(split(delivery(turned))[0]?.key);
  });
  test("differ where the same content happened at another time or on another channel", () => {
    const keys = [contactSync(1, "1"), contactSync(2, "1"), contactSync(1, "2")].map(
      (example) => split(example)[0]?.key,
    );
    expect(new Set(keys).size).toBe(3);
  });
  test("of value-level errors never repeat", () => {
    const errors = [{ code: 130429 }, { code: 130429 }];
    const lines = split(messagesDelivery({ errors }));
    expect(lines.map(({ lane, key }) => [lane, key])).toEqual([
      ["account", "error:id-0"],
      ["account", "error:id-1"],
    ]);
  });
});

test("every entry, change and array element is taken, and each message gets its own contact only", () => {
  const body = {
    object: "whatsapp_business_account",
    entry: [0, 1, 2].map((entry) => ({
      id: `${entry}`,
      changes: [0, 1].map((change) => {
        const first = entry * 10 + change * 5;
        const indexes = [first, first + 1, first + 2];
        return {
          field: "messages",
          value: value({ contacts: indexes.map(person).toReversed(), messages: indexes.map(messageFrom) }),
        };
      }),
    })),
  };
  const lines = split(body);
  expect(lines).toHaveLength(18);
  for (const line of lines) {
    const update = line.update as { from: string };
    expect(line.contacts.map((found) => found["wa_id"])).toEqual([update.from]);
  }
});

test("a contact that belongs to none of several updates is kept apart from them", () => {
  const stranger = { wa_id: "999999999", user_id: "XX.9" };
  const lines = split(
    messagesDelivery({
      contacts: [stranger],
      messages: [message("text", { id: "wamid.1" }), message("text", { id: "wamid.2" })],
    }),
  );
  expect(lines.map((line) => [line.key.split(":")[0], line.contacts, line.lane])).toEqual([
    ["msg", [], "message"],
    ["msg", [], "message"],
    ["messages", [], "message"],
  ]);
  expect(lines[2]?.update).toEqual({ contacts: [stranger] });
});

test("a contact is found although its number lacks Brazil's ninth digit", () => {
  const messages = [
    message("text", { id: "wamid.1", from: "5511987654321", from_user_id: undefined }),
    message("text", { id: "wamid.2", from: "34600000000", from_user_id: undefined }),
  ];
  const lines = split(messagesDelivery({ contacts: [{ wa_id: "551187654321" }, { wa_id: "34600000000" }], messages }));
  expect(lines.map((line) => line.contacts)).toEqual([[{ wa_id: "551187654321" }], [{ wa_id: "34600000000" }]]);
  expect(lines[0]?.partition).toBe(partitionOf("phone:5511987654321"));
});

describe("what is beside the known arrays", () => {
  test("user actions are updates of their own", () => {
    const lines = split(messagesDelivery({ user_actions: [{ action_type: "x" }], conversation_context: { id: "c" } }));
    expect(lines.map((line) => [line.lane, line.update])).toEqual([
      ["message", { action_type: "x" }],
      ["message", { conversation_context: { id: "c" } }],
    ]);
  });
});

describe("numbers and characters come out as they came in", () => {
  test.each([
    "123456789012345678901234567890",
    "-9007199254740993",
    "1234567890123.45678901",
    "0.12345678901234567890",
    "1e400",
    "1E-7",
    "-0",
    "9007199254740991",
    "0",
    "12.5",
  ])("%s", (digits) => {
    expect(carry(`"id": ${digits} ,"list":[${digits}]`)).toContain(
      `"update":{"id":${digits},"list":[${digits}]},"receivedAt"`,
    );
  });
  test("U+0000, half surrogates, line feeds and quotes", () => {
    const text = String.raw`"text":"a\u0000b\ud83dc\n\"d\u2028"`;
    const json = carry(text) ?? "";
    expect(json).not.toContain("\n");
    expect((JSON.parse(json) as { update: unknown }).update).toEqual({ text: 'a\u0000b\ud83dc\n"d\u2028' });
  });
  test("digits inside a text are text", () => {
    expect(carry(`"text":"x: 12345678901234567890"`)).toContain(`{"text":"x: 12345678901234567890"}`);
  });
});
