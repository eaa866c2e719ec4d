import { type Update } from "./envelope.ts";
import { type JsonObject, serialise } from "./json.ts";
import { buildContact, buildMessage, toSeconds } from "./message.ts";
import { type ChangeContext, type NamedUpdate, wholeValues } from "./other-changes.ts";
import { buildStatus } from "./status.ts";

const form = (responseJson: string): JsonObject => ({
  type: "nfm_reply",
  nfm_reply: { name: "flow", body: "Sent", response_json: responseJson },
});

/** Shapes that people report from production beside those of Meta's pages: older ones, half ones, and ones with little in them. */
export function reportedShapes(createContext: () => ChangeContext): NamedUpdate[] {
  const message = (name: string, content: (context: ChangeContext) => JsonObject): NamedUpdate => {
    const context = createContext();
    const { id, customer, channel, at, random } = context;
    const item = { ...buildMessage({ type: "text", id, customer, at, random }), ...content(context) };
    return { name, update: { id, kind: "message", field: "messages", list: "messages", item, customer, channel } };
  };
  const typed = (name: string, type: string, content: JsonObject[string]) =>
    message(name, () => ({ text: undefined, type, [type]: content }));
  return [
    message("message with the user id in from alone", ({ customer }) => ({
      from: customer.userId,
      from_user_id: undefined,
      text: { body: "Hola" },
    })),
    typed("contact card of somebody else", "contacts", [
      { origin: "other", name: { formatted_name: "Tío Julio" }, phones: [{ phone: "+34 600111222" }] },
    ]),
    typed("location with nothing but its place", "location", { latitude: 40.4168, longitude: -3.7038 }),
    typed("location with a link", "location", { latitude: 1, longitude: 2, url: "https://example.com/place" }),
    typed("form with its token", "interactive", form(serialise({ flow_token: "secret", service: "Corte", hour: 17 }))),
    typed("form whose answers are cut", "interactive", form('{"service":"Cor')),
    typed("order of one thing", "order", { product_items: [{ product_retailer_id: "mate", quantity: 2 }] }),
    typed("list reply without a description", "interactive", { type: "list_reply", list_reply: { title: "Lunes" } }),
    message("notice with the old id in from_user_id alone", ({ customer }) => ({
      from: undefined,
      from_user_id: customer.userId,
      text: undefined,
      type: "system",
      system: { type: "user_changed_user_id", user_id: `${customer.userId}9` },
    })),
    ...payments(createContext),
    ...wholeOnes(createContext()),
  ];
}

function payments(createContext: () => ChangeContext): NamedUpdate[] {
  return ["captured", "failed"].map((status) => {
    const { id, customer, channel, at } = createContext();
    const payment = { reference_id: "R-1", amount: { value: 2_150, offset: 100 }, currency: "INR" };
    const item = { ...buildStatus({ messageId: id, status: "sent", customer, at }), type: "payment", status, payment };
    const update: Update = { id, kind: "other", field: "messages", list: "statuses", item, customer, channel };
    return { name: `payment ${status}`, update };
  });
}

function wholeOnes(context: ChangeContext): NamedUpdate[] {
  const { id, customer, channel, at, random } = context;
  const whole = wholeValues(context);
  const ids = { user_id: { previous: customer.userId, current: `${customer.userId}8` } };
  return [
    whole("user id update", "user_id_update", { user_id_update: [{ ...ids, timestamp: toSeconds(at) }] }),
    whole("history with messages in its value", "history", {
      contacts: [buildContact(customer)],
      messages: [buildMessage({ type: "text", id: `${id}past`, customer, at: at - 86_400_000, random })],
    }),
    whole("echo to a phone alone", "smb_message_echoes", {
      message_echoes: [
        {
          from: channel.displayPhoneNumber,
          to: customer.phone,
          id: `${id}echo`,
          timestamp: toSeconds(at),
          type: "text",
          text: { body: "Ya te llamo" },
        },
      ],
    }),
  ];
}
