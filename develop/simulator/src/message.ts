import { type Customer } from "./customers.ts";
import { type JsonObject } from "./json.ts";
import { buildContent, type MessageType } from "./message-content.ts";
import { type Random } from "./random.ts";

/** What a message is made of. `at` is its instant in ms since the epoch; Meta writes whole seconds. */
export interface MessageOptions {
  type: MessageType;
  id: string;
  customer: Customer;
  at: number;
  random: Random;
  /** The text instead of one of the samples, for messages of type text. */
  text?: string;
  /** Id of the message that this one answers, reacts to, edits or takes back. */
  quotedId?: string;
  groupId?: string;
  /** Whether the customer came from an advertisement: the message then carries its `referral`. */
  isReferred?: boolean;
}

export const toSeconds = (at: number): string => String(Math.floor(at / 1_000));

/** An inbound message as in `messages[]` of a webhook. */
export function buildMessage(options: MessageOptions): JsonObject {
  const { type, id, customer, at, random, text, quotedId, groupId, isReferred } = options;
  const content = buildContent(type, { random, customer, at, quotedId: quotedId ?? id });
  if (type === "text" && text !== undefined) content["text"] = { body: text };
  const context = quotedId !== undefined && type === "text" ? { from: "15550001111", id: quotedId } : undefined;
  // A notice about the user's id comes without sender, as Meta describes it.
  const sender =
    content["type"] === "system"
      ? {}
      : { from: customer.phoneVisible ? customer.phone : undefined, from_user_id: customer.userId };
  return {
    ...sender,
    group_id: groupId,
    id,
    timestamp: toSeconds(at),
    context,
    referral: isReferred === true ? referral : undefined,
    ...content,
  };
}

const referral: JsonObject = {
  source_url: "https://fb.me/turno-ad",
  source_id: "120208844",
  source_type: "ad",
  headline: "¿Listo para tu turno?",
  body: "Escríbenos 💬",
  media_type: "image",
  image_url: "https://scontent.xx.fbcdn.net/v/turno.jpg",
  ctwa_clid: "ARAkLkA8rmlFeiCktEJQ-QTwRiyYHAFDLMNDBH0CD3qpjd0HR4irJ6LEkR7JwFF4XvnO2E4Nx0-eM-GABDLOPaOdRMv-_zfUQ2a",
};

/** The customer as in `contacts[]`: the number is left out, not empty, where Meta does not show it. */
export function buildContact(customer: Customer): JsonObject {
  return {
    profile: { name: customer.name, username: customer.username ?? undefined },
    wa_id: customer.phoneVisible ? customer.phone : undefined,
    user_id: customer.userId,
  };
}
