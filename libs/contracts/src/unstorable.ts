import { isStorable, STORABLE_RULE } from "./event-parts.ts";

/** Deeper than anything that is meant, far less than what overflows a stack on its way. */
const DEPTH_MAX = 64;
/** JavaScript calls these to turn an object into text or a number, and JSON can hold none that may be called. */
const CONVERSIONS = ["toString", "valueOf"];

/**
 * Returns what of a command or request nobody could store or read, like an issue of its schema; null where there is nothing.
 * It is asked before the schema: a schema that compares such a member throws, and one that takes any text lets it through to
 * where it is a defect. Source: PostgreSQL, "Character Types" and "JSON Types".
 */
export function findUnstorable(value: unknown, depth = 0): { path: string[]; message: string } | null {
  if (typeof value === "string") return isStorable(value) ? null : { path: [], message: STORABLE_RULE };
  if (typeof value !== "object" || value === null) return null;
  if (depth >= DEPTH_MAX) return { path: [], message: `must not be nested deeper than ${DEPTH_MAX} levels` };
  for (const [name, inner] of Object.entries(value)) {
    if (!isStorable(name)) return { path: [], message: `a member's name ${STORABLE_RULE}` };
    if (CONVERSIONS.includes(name)) return { path: [], message: `must not have a member ${name}` };
    const found = findUnstorable(inner, depth + 1);
    if (found !== null) return { ...found, path: [name, ...found.path] };
  }
  return null;
}
