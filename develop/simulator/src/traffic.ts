import { type Customer } from "./customers.ts";
import { type SimulatedChannel, type Update } from "./envelope.ts";
import { type Ledger, type UpdateKind } from "./ledger.ts";
import { buildMessage } from "./message.ts";
import { type MessageType } from "./message-content.ts";
import { between, pick, pickWeighted, type Random } from "./random.ts";
import { buildStatus } from "./status.ts";

/** What customers do when nobody scripts them. */
export interface TrafficOptions {
  /**
   * `conversations`: some customers are in the middle of a few messages each, others begin as those end.
   * `round-robin`: each customer in turn, so that the first N messages come from N customers.
   */
  pattern: "conversations" | "round-robin";
  /** Customers in the middle of something at a time, and the most messages each writes before somebody else begins. */
  activeMax: number;
  messagesMax: number;
  mix: Readonly<Partial<Record<MessageType, number>>>;
  /** Share of the updates that are delivery statuses of messages nobody knows. */
  statusShare: number;
}

export const defaultTrafficOptions: TrafficOptions = {
  pattern: "conversations",
  activeMax: 50,
  messagesMax: 6,
  mix: { text: 80, image: 6, audio: 5, document: 2, location: 1, button_reply: 3, list_reply: 1, sticker: 2 },
  statusShare: 0,
};

export interface UpdateRequest {
  customer: Customer;
  type?: MessageType;
  text?: string;
  at?: number;
  quotedId?: string;
  groupId?: string;
}

export interface Traffic {
  /** The next update of the played traffic; it is noted in the ledger. */
  next(): Update;
  /** A message of the given customer; it is noted in the ledger as that customer's next one. */
  message(request: UpdateRequest): Update;
}

export interface TrafficDependencies extends TrafficOptions {
  customers: readonly Customer[];
  channels: readonly SimulatedChannel[];
  ledger: Ledger;
  random: Random;
  now: () => number;
}

export function createTraffic(options: TrafficDependencies): Traffic {
  const { customers, ledger, random, now } = options;
  const active: { customer: Customer; left: number }[] = [];
  let turn = 0;

  function nextCustomer(): Customer {
    if (options.pattern === "round-robin") return customers[turn++ % customers.length] as Customer;
    if (active.length < Math.min(options.activeMax, customers.length)) {
      active.push({ customer: pick(random, customers), left: between(random, 1, options.messagesMax) });
    }
    const position = Math.floor(random() * active.length);
    const entry = active[position] as { customer: Customer; left: number };
    entry.left -= 1;
    if (entry.left === 0) active.splice(position, 1);
    return entry.customer;
  }

  function message({ customer, type = "text", at = now(), ...rest }: UpdateRequest): Update {
    customer.ordinal += 1;
    if (!withoutSession.has(type)) customer.lastWroteAt = Math.max(at, customer.lastWroteAt ?? at);
    const ordinal = customer.ordinal;
    const entry = ledger.add({ kind: "message", customer: customer.index, ordinal });
    const id = ledger.idAt(entry);
    const item = buildMessage({ type, id, customer, at, random, ...rest });
    const channel = channelOf(options.channels, customer);
    return { id, kind: "message", field: "messages", list: "messages", item, customer, channel, entry };
  }

  function strayStatus(customer: Customer): Update {
    const kind: UpdateKind = pick(random, ["sent", "delivered", "read"] as const);
    const entry = ledger.add({ kind, customer: customer.index, ordinal: 0 });
    const id = ledger.idAt(entry);
    const messageId = id.slice(0, id.lastIndexOf(":"));
    const item = buildStatus({ messageId, status: kind, customer, at: now() });
    const channel = channelOf(options.channels, customer);
    return { id, kind, field: "messages", list: "statuses", item, customer, channel, entry };
  }

  return {
    message,
    next() {
      const customer = nextCustomer();
      if (options.statusShare > 0 && random() < options.statusShare) return strayStatus(customer);
      return message({ customer, type: pickWeighted(random, options.mix) });
    },
  };
}

/** What a customer does that does not renew Meta's session, or of which Meta does not say so. */
const withoutSession = new Set<MessageType>([
  "reaction",
  "reaction_removed",
  "edit",
  "revoke",
  "call_permission_reply",
  "user_changed_number",
  "user_changed_user_id",
  "user_identity_changed",
]);

/** The channel to which a customer writes: customers are shared out over the channels by their index. */
export function channelOf(channels: readonly SimulatedChannel[], customer: Customer): SimulatedChannel {
  return channels[customer.index % channels.length] as SimulatedChannel;
}
