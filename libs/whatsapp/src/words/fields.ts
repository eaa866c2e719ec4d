import { isRawNumber, isRecord } from "../exact-json.ts";

/** Returns what stands at a path of a payload, whatever its shape. */
export function valueAt(value: unknown, ...keys: readonly (string | number)[]): unknown {
  let found = value;
  for (const key of keys) {
    if (typeof key === "number") found = Array.isArray(found) ? (found as unknown[])[key] : undefined;
    else found = isRecord(found) && Object.hasOwn(found, key) ? found[key] : undefined;
  }
  return found;
}

/** Returns the text or the number at a path as text; null where there is neither, or only space. */
export function textAt(value: unknown, ...keys: readonly (string | number)[]): string | null {
  const found = valueAt(value, ...keys);
  if (typeof found === "string") return found.trim() === "" ? null : found;
  if (typeof found === "number" || typeof found === "bigint") return String(found);
  return isRawNumber(found) ? JSON.stringify(found) : null;
}

/** Returns the elements of the array at a path; none where there is no array. */
export function listAt(value: unknown, ...keys: readonly (string | number)[]): readonly unknown[] {
  const found = valueAt(value, ...keys);
  return Array.isArray(found) ? found : [];
}

/** Joins what is there. Returns null where nothing is. */
export function join(parts: readonly (string | null)[], between: string): string | null {
  const there = parts.filter((part) => part !== null);
  return there.length === 0 ? null : there.join(between);
}

/** Names in brackets what has no words of its own, then what is known of it. */
export const label = (what: string, said: string | null): string => (said === null ? `[${what}]` : `[${what}] ${said}`);
