import { accountChanges } from "./account-changes.ts";
import { type Customer } from "./customers.ts";
import { type SimulatedChannel, type Update, wrapDelivery } from "./envelope.ts";
import { wamidOf } from "./ledger.ts";
import { buildMessage, type MessageOptions } from "./message.ts";
import { MESSAGE_TYPES } from "./message-content.ts";
import { callUpdates, type ChangeContext, echoUpdate, groupUpdates, wholeValueUpdates } from "./other-changes.ts";
import { createRandom } from "./random.ts";
import { reportedShapes } from "./reported-shapes.ts";
import { buildStatus, STATUS_NAMES, type StatusOptions, webhookError } from "./status.ts";

/** One sample delivery. `body` is the text to sign and post; `updates` what is in it, which can also be given to `post`. */
export interface Sample {
  name: string;
  field: string;
  updates: readonly Update[];
  body: string;
}

export interface CatalogueOptions {
  customer: Customer;
  channel: SimulatedChannel;
  /** Instant of everything in it, ms since the epoch. */
  at: number;
  /** Keeps the ids of two catalogues apart; the same salt gives the same bytes. */
  salt: string;
}

/** One sample for every message type, status, and field that Meta documents, for what users report, and for what Meta will only have in the future. */
export function createCatalogue(options: CatalogueOptions): Sample[] {
  const { customer, channel, at, salt } = options;
  const random = createRandom(20_261_122);
  let count = 0;
  const nextId = () => wamidOf(salt, count++);
  const context = (): ChangeContext => ({ id: nextId(), customer, channel, at, random });
  const sample = (name: string, ...updates: Update[]): Sample => {
    const field = updates[0]?.field ?? "none";
    return { name, field, updates, body: wrapDelivery(updates, random) };
  };
  const inbound = (type: MessageOptions["type"], more: Partial<MessageOptions> = {}) => {
    const id = nextId();
    const item = buildMessage({ type, id, customer, at, random, quotedId: wamidOf(`${salt}quoted`, count), ...more });
    return { id, kind: "message", field: "messages", list: "messages", item, customer, channel } satisfies Update;
  };

  const whole = [...callUpdates(context()), ...wholeValueUpdates(context()), ...groupUpdates(context())];
  const account = accountChanges.map(({ field, value }, index) => ({
    name: `${field} ${index}`,
    update: accountUpdate(field, value(at), options, nextId()),
  }));
  return [
    ...MESSAGE_TYPES.map((type) => sample(`message ${type}`, inbound(type))),
    sample("message from an advertisement", inbound("text", { isReferred: true })),
    sample("message in a group", inbound("image", { groupId: "Y2FwaV9ncm91cDox" })),
    sample("message with U+0000", inbound("text", { text: "antes\u0000después" })),
    sample("message without text", inbound("text", { text: "" })),
    sample("message of 60,000 characters", inbound("text", { text: "🧉á".repeat(20_000) })),
    ...statusSamples(options, nextId).map(({ name, update }) => sample(name, update)),
    sample(
      "messages, statuses and errors in one value",
      inbound("text"),
      failedValue(options, nextId()),
      inbound("audio"),
    ),
    sample("value with errors only", failedValue(options, nextId())),
    sample("echo of the phone app", echoUpdate(context())),
    ...[...whole, ...account, ...reportedShapes(context)].map(({ name, update }) => sample(name, update)),
    sample("fields mixed in one POST", inbound("text"), ...account.map(({ update }) => update), inbound("sticker")),
  ];
}

function accountUpdate(field: string, item: Update["item"], { channel, at }: CatalogueOptions, id: string): Update {
  return { id: `${field}:${id}`, kind: "other", field, item, channel, entryTime: Math.floor(at / 1_000) };
}

/** A value whose only content is an error of the account, such as too many messages. */
function failedValue({ channel }: CatalogueOptions, id: string): Update {
  const error = {
    code: 130429,
    title: "Rate limit hit",
    details: "Message failed to send because there were too many.",
  };
  const item = webhookError(error) as Update["item"];
  return { id: `errors:${id}`, kind: "other", field: "messages", list: "errors", item, channel };
}

function statusSamples({ customer, channel, at }: CatalogueOptions, nextId: () => string) {
  const status = (name: string, more: Partial<StatusOptions> & Pick<StatusOptions, "status">) => {
    const messageId = nextId();
    const item = buildStatus({ messageId, customer, at, callbackData: `turno:${messageId.length}/ñ`, ...more });
    const id = `${messageId}:${more.status}`;
    const update: Update = { id, kind: more.status, field: "messages", list: "statuses", item, customer, channel };
    return { name: `status ${name}`, update };
  };
  const undeliverable = { code: 131026, title: "Message undeliverable", details: "Message Undeliverable." };
  const reengagement = { code: 131047, title: "Re-engagement message", details: "More than 24 hours have passed." };
  return [
    ...STATUS_NAMES.filter((name) => name !== "failed").map((name) => status(name, { status: name })),
    status("failed, undeliverable", { status: "failed", error: undeliverable }),
    status("failed, session over", { status: "failed", error: reengagement }),
    status("sent, charged", { status: "sent", pricing: { category: "utility", type: "regular" } }),
    status("delivered, free", { status: "delivered", pricing: { category: "service", type: "free_customer_service" } }),
    status("sent in a free entry point", { status: "sent", freeEntryPointEndsAt: at + 604_800_000 }),
    status("delivered in a group", {
      status: "delivered",
      group: { id: "Y2FwaQ==", participantPhone: customer.phone },
    }),
    status("sent of a direct send", { status: "sent", templateId: "1234567890" }),
  ];
}
