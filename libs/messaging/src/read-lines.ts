import type { InboundLine } from "@turno/contracts";
import { isDefect } from "@turno/runtime";

/**
 * Reads the lines of a batch. If `read` meets a defect, each line is read alone, and `instead` replaces one that
 * provokes it.
 */
export function readLines<T>(
  lines: readonly InboundLine[],
  read: (json: string) => T,
  instead: (json: string, defect: unknown) => T,
): T[] {
  try {
    return lines.map(({ json }) => read(json));
  } catch (error) {
    if (!isDefect(error)) throw error;
    return lines.map(({ json }) => readOne(json, read, instead));
  }
}

function readOne<T>(json: string, read: (json: string) => T, instead: (json: string, defect: unknown) => T): T {
  try {
    return read(json);
  } catch (error) {
    if (!isDefect(error)) throw error;
    return instead(json, error);
  }
}
