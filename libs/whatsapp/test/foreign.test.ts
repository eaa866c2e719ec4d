import { expect, test } from "vitest";
import { splitDelivery, type SpokenFor } from "../src/index.ts";
import { ACCOUNT_ID, delivery, METADATA, readWritten, RECEIVED_AT, value } from "./fixtures/deliveries.ts";
import { message, status } from "./fixtures/messages.ts";

const OTHER = "999";

/** Splits what somebody signed who speaks for everything but one account or number. */
function splitFor(body: object, notFor: Partial<SpokenFor>) {
  const foreign: SpokenFor[] = [];
  const lines = splitDelivery(Buffer.from(JSON.stringify(body)), {
    receivedAt: RECEIVED_AT,
    createId: () => "id",
    maySpeakFor: ({ accountId, phoneNumberId }) =>
      accountId !== notFor.accountId && phoneNumberId !== notFor.phoneNumberId,
    onForeign: (place) => foreign.push(place),
  });
  return { foreign, lines: lines.map(readWritten) };
}

const changes = {
  messages: { field: "messages", value: value({ messages: [message("text"), message("image")] }) },
  statuses: { field: "messages", value: value({ statuses: [status("failed")] }) },
  templates: { field: "message_template_status_update", value: { event: "REJECTED", message_template_id: 1 } },
  standby: {
    field: "standby",
    value: { messaging_product: "whatsapp", standby: value({ messages: [message("text")] }) },
  },
};

test.each(Object.entries(changes))(
  "%s of an account that the signer does not speak for take no effect, and are kept whole",
  (_what, change) => {
    const { foreign, lines } = splitFor(delivery(change), { accountId: ACCOUNT_ID });
    expect(lines.map(({ lane, key, update }) => [lane, key.startsWith("foreign:"), update])).toContainEqual([
      "unrecognised",
      true,
      change,
    ]);
    expect(lines.filter(({ lane }) => lane !== "unrecognised")).toEqual([]);
    expect(foreign.length).toBe(1);
  },
);

test.each(["messages", "statuses", "standby"] as const)(
  "%s of a number that the signer does not speak for take no effect",
  (what) => {
    const { foreign, lines } = splitFor(delivery(changes[what]), { phoneNumberId: METADATA.phone_number_id });
    expect(lines.filter(({ lane }) => lane !== "unrecognised")).toEqual([]);
    expect(foreign).toEqual([{ accountId: ACCOUNT_ID, phoneNumberId: METADATA.phone_number_id }]);
  },
);

test("what the signer speaks for takes effect beside what it does not speak for", () => {
  const foreignOne = {
    field: "messages",
    value: { ...value({ messages: [message("audio")] }), metadata: { phone_number_id: OTHER } },
  };
  const { lines } = splitFor(delivery(changes.messages, foreignOne), { phoneNumberId: OTHER });
  expect(lines.map(({ lane }) => lane)).toEqual(["message", "message", "unrecognised"]);
});
