import { isStorable, STORABLE_RULE } from "@turno/contracts";

/** Far deeper than any command: whoever writes it again, and the database, need some stack for each level. */
const DEPTH_MAX = 64;

/**
 * Returns what of a command nobody could store, like an issue of its schema; null where all of it can be. A schema that takes
 * any text would let it through to a handler, where it is a defect. Source: PostgreSQL, "Character Types", "JSON Types".
 */
export function findUnstorable(value: unknown, depth = 0): { path: string[]; message: string } | null {
  if (typeof value === "string") return isStorable(value) ? null : { path: [], message: STORABLE_RULE };
  if (typeof value !== "object" || value === null) return null;
  if (depth >= DEPTH_MAX) return { path: [], message: `must not be nested deeper than ${DEPTH_MAX} levels` };
  for (const [name, inner] of Object.entries(value)) {
    if (!isStorable(name)) return { path: [], message: `a member's name ${STORABLE_RULE}` };
    const found = findUnstorable(inner, depth + 1);
    if (found !== null) return { ...found, path: [name, ...found.path] };
  }
  return null;
}
