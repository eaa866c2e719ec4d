import { NOTHING_FOLLOWS, READ_KIND } from "@turno/conversation";
import { recipientOf, type GraphClient } from "@turno/whatsapp";
import type { LeasedSend } from "./lease-sends.ts";
import { judge } from "./judge.ts";
import type { SendVerdict } from "./record-outcomes.ts";

export interface CallOptions {
  client: GraphClient;
  retryUnitMs: number;
  random: () => number;
}

/**
 * Calls Meta once for a leased message and returns what became of it. The row's id goes along, so that a status can
 * settle the message even if the answer never comes. Source of the shapes: Meta, Cloud API, "Messages" reference.
 */
export async function callGraph(options: CallOptions, send: LeasedSend, signal: AbortSignal): Promise<SendVerdict> {
  const { kind, attempt, phoneNumberId } = send;
  const body = bodyOf(send);
  if (body === null) return { kind: "failed", failure: NO_ADDRESS };
  const outcome = await options.client.send(phoneNumberId, body, { signal });
  return judge(outcome, { kind, attempt, ...options });
}

const NO_ADDRESS = {
  code: null,
  class: "D",
  message: "Neither a phone number nor a user id of this customer is known. Wait until they write.",
  ...NOTHING_FOLLOWS,
};

function bodyOf(send: LeasedSend): object | null {
  const { id, kind, body, contact, needsPhone } = send;
  if (kind === READ_KIND) return { messaging_product: "whatsapp", ...body };
  const recipient = recipientOf(contact, { needsPhone });
  if (recipient === null) return null;
  const address = { messaging_product: "whatsapp", recipient_type: "individual", ...recipient };
  return { ...body, ...address, biz_opaque_callback_data: id };
}
