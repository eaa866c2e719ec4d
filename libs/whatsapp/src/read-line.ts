import { inboundUpdateSchema, type InboundUpdate } from "@turno/contracts";
import type { Unreadable } from "@turno/conversation";
import { parseExactJson } from "./exact-json.ts";

/** Reads a line of the inbound log, or says why it cannot be read. */
export function readLine(line: string): InboundUpdate | Unreadable {
  let value: unknown;
  try {
    value = parseExactJson(line);
  } catch (error) {
    return { kind: "unreadable", key: null, field: "", line, cause: `not-json: ${(error as Error).message}` };
  }
  const parsed = inboundUpdateSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const cause = `not-a-line: ${issue?.path.join(".")}: ${issue?.message}`;
  return { kind: "unreadable", key: null, field: "", line, cause };
}

/** Whether a line is of the lane of delivery statuses: its key says it. Copies of statuses in other lanes have other keys. */
export function isStatusLine(line: string): boolean {
  return readLine(line).key?.startsWith("st:") === true;
}
