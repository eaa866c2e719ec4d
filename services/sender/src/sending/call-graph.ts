import { NOTHING_FOLLOWS, READ_KIND, type StopCause } from "@turno/conversation";
import { recipientOf, type GraphClient } from "@turno/whatsapp";
import { openToken, type TokenChoice } from "../tokens/own-token.ts";
import { TokenUnreadable, type SealedToken } from "../tokens/token-vault.ts";
import type { LeasedSend } from "./lease-sends.ts";
import { judge } from "./judge.ts";
import type { SendVerdict } from "./record-outcomes.ts";

export interface CallOptions {
  client: GraphClient;
  tokens: TokenChoice;
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
  const tokenKey = send.token?.fingerprint ?? null;
  const accessToken = readToken(options.tokens, send.token);
  if (typeof accessToken === "object") return { kind: "stopped", stop: accessToken, tokenKey };
  const outcome = await options.client.send(phoneNumberId, body, { accessToken, signal });
  const verdict = judge(outcome, { kind, attempt, ...options });
  // The token may be another one by now.
  return verdict.kind === "stopped" ? { ...verdict, tokenKey } : verdict;
}

/** Returns the token in clear, or what stops everything that is sent with it. */
function readToken(tokens: TokenChoice, own: SealedToken | null): string | StopCause {
  try {
    const token = openToken(tokens, own);
    if (token === null) throw new Error("a message was leased for which this sender has no token");
    return token;
  } catch (error) {
    if (!(error instanceof TokenUnreadable)) throw error;
    return { scope: "token", code: UNREADABLE, reason: `Not sent: ${error.message}. An admin has to set it again.` };
  }
}

/** Graph's code where it cannot tell whose token it is. */
const UNREADABLE = 0;

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
