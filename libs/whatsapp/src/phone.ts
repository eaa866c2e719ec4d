import { USER_ID } from "@turno/contracts";

/**
 * Returns the form of a phone number in which two spellings of it meet. For matching only: answers go to the number as
 * Meta gave it. Takes digits with country code, with or without a leading `+`. Idempotent; it returns unknown numbers
 * unchanged.
 *
 * - Brazil gave mobile numbers a ninth digit (9) that Meta's ids may lack; numbers that start with 2 to 5 are
 *   landlines.
 * - Mexico's old mobile prefix 1 (521 and ten digits) and Argentina's 9 (549 and ten digits) may or may not be there.
 */
export function canonicalPhone(digits: string): string {
  const phone = digits.startsWith("+") ? digits.slice(1) : digits;
  if (!ONLY_DIGITS.test(phone)) return phone;
  if (phone.length === 12 && phone.startsWith("55") && !isBrazilianLandline(phone)) {
    return `${phone.slice(0, 4)}9${phone.slice(4)}`;
  }
  if (phone.length === 13 && phone.startsWith("521")) return `52${phone.slice(3)}`;
  if (phone.length === 13 && phone.startsWith("549")) return `54${phone.slice(3)}`;
  return phone;
}

const ONLY_DIGITS = /^\d+$/;

function isBrazilianLandline(phone: string): boolean {
  const first = phone.charAt(4);
  return first >= "2" && first <= "5";
}

/** Returns the business-scoped user id that stands where a phone number is expected, or null if it is none. */
export function userIdStandingAsPhone(phone: unknown): string | null {
  return typeof phone === "string" && USER_ID.test(phone) ? phone : null;
}
