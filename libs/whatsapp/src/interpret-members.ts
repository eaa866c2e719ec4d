import type { Identities } from "@turno/conversation";
import { plainId, type JsonRecord } from "./exact-json.ts";
import { canonicalPhone, userIdStandingAsPhone } from "./phone.ts";

/** Carries the cause out of a nested reading; it never leaves `interpretLine`. */
export class UnreadableUpdate extends Error {}

export function unreadable(member: string, rule: string): never {
  throw new UnreadableUpdate(`${member}: ${rule}`);
}

export function plainText(update: JsonRecord, member: string): string {
  return plainId(update[member]) ?? unreadable(member, "must be visible ASCII of at most 512 characters");
}

const PHONE = /^\+?\d{5,20}$/;

/** Returns the identities, or null if none of the three can be used. */
export function identitiesOf(given: { userId: unknown; parentUserId: unknown; phone: unknown }): Identities | null {
  const userId = plainId(given.userId, 256) ?? userIdStandingAsPhone(given.phone);
  const parentUserId = plainId(given.parentUserId, 256);
  const phone = typeof given.phone === "string" && PHONE.test(given.phone) ? given.phone : null;
  if (userId === null && parentUserId === null && phone === null) return null;
  return { userId, parentUserId, phone, phoneKey: phone === null ? null : canonicalPhone(phone) };
}

/** WhatsApp's first year and a year far ahead: outside lie milliseconds, zeros and garbage. */
const SENT_AT_SECONDS_MIN = Date.UTC(2009, 0, 1) / 1000;
const SENT_AT_SECONDS_MAX = Date.UTC(2100, 0, 1) / 1000;

/** Returns Meta's `timestamp` as a date. It is Unix seconds, as a string of digits or a number. */
export function sentAtOf(update: JsonRecord): Date {
  const given = update["timestamp"];
  const seconds = typeof given === "string" && /^\d{1,12}$/.test(given) ? Number(given) : given;
  if (
    typeof seconds !== "number" ||
    !Number.isInteger(seconds) ||
    seconds < SENT_AT_SECONDS_MIN ||
    seconds >= SENT_AT_SECONDS_MAX
  ) {
    return unreadable("timestamp", "must be Unix seconds between 2009 and 2100");
  }
  return new Date(seconds * 1000);
}
