/** How far a message to a customer has come. `waiting`, `sending` and `unknown` are ours, the others Meta's. */
export type DeliveryState =
  | "waiting"
  | "sending"
  | "unknown"
  | "accepted"
  | "sent"
  | "delivered"
  | "read"
  | "played"
  | "failed";

/** What Meta may say about a message: its answer (`accepted`) or a delivery status. */
export type DeliveryReport = "accepted" | "sent" | "delivered" | "read" | "played" | "failed";

const RANKS: Readonly<Record<Exclude<DeliveryState, "failed">, number>> = {
  waiting: 0,
  sending: 0,
  unknown: 0,
  accepted: 1,
  sent: 2,
  delivered: 3,
  read: 4,
  played: 5,
};

export function isDeliveryReport(word: string): word is DeliveryReport {
  return word === "failed" || (Object.hasOwn(RANKS, word) && RANKS[word as keyof typeof RANKS] > 0);
}

/**
 * Returns the state after a report, which may come late, twice and in any order. The state only moves forward. `failed`
 * counts only before anything at or above delivered was seen, and a later proof of delivery overrides it: with several
 * devices both come. Source: Meta, Cloud API, "status messages webhook", and what integrators see.
 */
export function advanceDelivery(current: DeliveryState, report: DeliveryReport): DeliveryState {
  if (report === "failed") return current === "failed" || RANKS[current] >= RANKS.delivered ? current : "failed";
  if (current === "failed") return RANKS[report] >= RANKS.delivered ? report : current;
  return RANKS[report] > RANKS[current] ? report : current;
}
