import { between, pick, type Random } from "./random.ts";

/**
 * A person who writes to the business.
 *
 * `phone` is the number as Meta writes `wa_id`, digits only, unique; it is in the webhooks only where `phoneVisible`.
 * `userId` is the business-scoped id, always in the webhooks. `ordinal` is the number of the last message the person
 * wrote (0 for none), `lastWroteAt` its instant in ms since the epoch: the end of Meta's session follows from it.
 */
export interface Customer {
  readonly index: number;
  readonly name: string;
  readonly username: string | null;
  readonly phone: string;
  readonly userId: string;
  readonly phoneVisible: boolean;
  ordinal: number;
  lastWroteAt: number | null;
}

export interface CustomersOptions {
  count: number;
  random: Random;
  /** Share of the customers who have adopted a username and whose phone Meta no longer shows. */
  usernameShare?: number;
  /** Index of the first one, so that two populations do not overlap. */
  firstIndex?: number;
}

/** Countries whose numbers are written in more than one way come first: Brazil's ninth digit, Mexico's 521, Argentina's 549. */
const countries = [
  { code: "BR", prefix: "55119" },
  { code: "MX", prefix: "52155" },
  { code: "AR", prefix: "54911" },
  { code: "CO", prefix: "5731" },
  { code: "ES", prefix: "346" },
  { code: "PT", prefix: "3519" },
  { code: "US", prefix: "1555" },
];
const firstNames = ["Lucía", "Mateo", "João", "Beatriz", "Zoë", "Olivia", "Íñigo", "Renata", "Noah", "Conceição"];
const lastNames = ["Núñez", "García", "Araújo", "Lima", "O'Neill", "Müller", "Peña", "Carvalho", "Smith", "Ibáñez 🌻"];

/** Makes the given number of customers. The same seed gives the same ones; phones and user ids are unique up to 10^8 indexes. */
export function createCustomers({ count, random, usernameShare = 0.2, firstIndex = 0 }: CustomersOptions): Customer[] {
  const customers: Customer[] = [];
  for (let index = firstIndex; index < firstIndex + count; index++) {
    const country = pick(random, countries);
    const firstName = pick(random, firstNames);
    const hasUsername = random() < usernameShare;
    // 7919 shares no factor with 10^8, so the last eight digits differ from customer to customer and do not look like a count.
    const local = String((index * 7919 + 20_261_122) % 100_000_000).padStart(8, "0");
    customers.push({
      index,
      name: `${firstName} ${pick(random, lastNames)}`,
      username: hasUsername ? `turno.user.${index}` : null,
      phone: country.prefix + local,
      userId: `${country.code}.${between(random, 10_000_000, 99_999_999)}${String(index).padStart(10, "0")}`,
      phoneVisible: !hasUsername,
      ordinal: 0,
      lastWroteAt: null,
    });
  }
  return customers;
}
