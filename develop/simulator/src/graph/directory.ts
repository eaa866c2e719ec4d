import { type Customer } from "../customers.ts";
import { type SendRecipient } from "./send-request.ts";

/** Finds the customers of the simulated world as WhatsApp would. */
export interface CustomerDirectory {
  /** Null where nobody is there: an unknown number, one that Meta misread for want of a `+`, a user id in the wrong place. */
  find(recipient: SendRecipient): Customer | null;
}

export function createCustomerDirectory(customers: readonly Customer[]): CustomerDirectory {
  const byPhone = new Map(customers.map((customer) => [canonicalPhone(customer.phone), customer]));
  const byUserId = new Map(customers.map((customer) => [customer.userId, customer]));
  return {
    find(recipient) {
      if (recipient.kind === "userIdInTo") return null;
      if (recipient.kind === "userId") return byUserId.get(recipient.userId) ?? null;
      return recipient.hasPlus ? (byPhone.get(canonicalPhone(recipient.digits)) ?? null) : null;
    },
  };
}

/** One spelling of numbers that are written in two: without Brazil's ninth digit, Mexico's 1, Argentina's 9. */
function canonicalPhone(digits: string): string {
  return digits
    .replace(/^(55\d\d)9(\d{8})$/, "$1$2")
    .replace(/^521(\d{10})$/, "52$1")
    .replace(/^549(\d{10})$/, "54$1");
}
