import { type Pricing } from "../status.ts";
import { type SimulatedTemplate } from "./templates.ts";

/** Service messages that a number may have delivered each month before they cost, since 2026-10-01. */
const freeServiceMessagesMax = 1_000;

/** What a message costs, by Meta's price list of 2026-10-01. Reactions are neither charged nor counted. */
export function createPricing() {
  const serviceCounts = new Map<string, number>();
  return function priceOf(
    type: string,
    template: SimulatedTemplate | null,
    phoneNumberId: string,
    at: number,
  ): Pricing | null {
    if (type === "reaction") return null;
    if (template !== null) return { category: template.category.toLowerCase(), type: "regular" };
    const month = `${phoneNumberId}:${new Date(at).toISOString().slice(0, 7)}`;
    const count = (serviceCounts.get(month) ?? 0) + 1;
    serviceCounts.set(month, count);
    return { category: "service", type: count <= freeServiceMessagesMax ? "free_customer_service" : "regular" };
  };
}
