import type { GraphErrorClass } from "@turno/whatsapp";

/** What an agent or operator can do about Meta's refusal, for codes with something special to say. */
const ADVICE_BY_CODE = new Map([
  [131047, "The 24 hours since the customer's last message are over: send a template."],
  [131026, "The customer cannot be reached: no WhatsApp, blocked, or an old app. Try another way to reach them."],
  [131049, "Meta holds back marketing to this customer. Wait at least a day before the next marketing template."],
  [131050, "The customer does not want marketing messages. Do not send any."],
  [131048, "Too many of this number's messages were reported as spam. Stop campaigns and look at its quality."],
  [131070, "Another responder owns this thread. Take it over first."],
  [130403, "The business has blocked this customer. Unblock them first."],
  [132000, "The template wants another number of parameters."],
  [132015, "The template is paused for its quality. Use another one."],
  [132016, "The template is disabled. Use another one."],
  [131042, "Meta needs a valid payment method of this account. Set it, then send the message again."],
  [130497, "The account may not write to customers in this country. Reach them another way."],
  [131056, "Too many messages to this customer in a short time. It goes out by itself a little later."],
  [134101, "The template is new and not everywhere yet. It goes out by itself in ten minutes."],
]);

const ADVICE: Readonly<Record<GraphErrorClass, string>> = {
  A: "It goes out by itself a little later.",
  B: "Meta could not deliver it. Send it again if it still matters.",
  C: "Meta's rules do not let this message through to this customer.",
  D: "The message itself is wrong. Change it before sending it again.",
  E: "The template cannot be used. Choose another one.",
  F: "The business number cannot send. Fix it at Meta, then send the message again.",
  G: "The account cannot send. Fix it at Meta, then send the message again.",
  G2: "The account has to pay before Meta sends this. Settle it at Meta, then send the message again.",
  G3: "The account may not write to this customer. Reach them another way.",
  H: "The access token is not accepted. Replace it, then send the message again.",
  H2: "The permission for this business number is missing. Grant it at Meta, then send the message again.",
};

/** What an operator can do about a refusal that stops more than one message. */
const STOP_ADVICE: Partial<Record<GraphErrorClass, string>> = {
  F: "The business number cannot send: fix it at Meta.",
  G: "The account cannot send: fix it at Meta.",
  G2: "Templates of the account wait for a valid payment method: set it at Meta.",
  H: "The access token is not accepted: replace it.",
  H2: "The permission for this business number is missing: grant it at Meta.",
};
const TRIES = "Messages wait; one of them is tried from time to time, and at once after a reset.";

/** Says what happened, why, and what to do, in one text. */
export function explainError(code: number | null, errorClass: GraphErrorClass, details: string): string {
  const advice = (code === null ? undefined : ADVICE_BY_CODE.get(code)) ?? ADVICE[errorClass];
  return `${whatMetaSaid(code, details)} ${advice}`;
}

/** Says why sending is stopped, and what ends it. */
export function explainStop(code: number, errorClass: GraphErrorClass, details: string): string {
  return `${whatMetaSaid(code, details)} ${STOP_ADVICE[errorClass] ?? ADVICE[errorClass]} ${TRIES}`;
}

function whatMetaSaid(code: number | null, details: string): string {
  const text = `${details.replace(/\.$/, "")}.`;
  return code === null ? text : `Meta said ${code}: ${text}`;
}
