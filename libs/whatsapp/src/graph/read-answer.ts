import { toStorableText } from "@turno/conversation";
import { isRecord, parseExactJson, plainId, toNumber } from "../exact-json.ts";
import { classifyGraphError, type GraphErrorClass } from "./error-class.ts";

/**
 * How a send ended.
 *
 * `accepted`: Meta took it; `wamid` is null for a read receipt, `messageStatus` only there for paced templates.
 * `refused`: Meta did not take it; `code` is null where the answer was not Graph's. `retryAfterMs` only where Meta said so.
 * `unknown`: nobody can say whether Meta took it.
 */
export type GraphOutcome =
  | { kind: "accepted"; wamid: string | null; messageStatus: string | null }
  | {
      kind: "refused";
      code: number | null;
      details: string;
      class: Exclude<GraphErrorClass, "B">;
      retryAfterMs: number | null;
    }
  | { kind: "unknown"; cause: string };

const DETAILS_LENGTH_MAX = 1_000;

/** Reads the answer to a send. Shapes by Meta, Cloud API, "Messages" reference and "Error codes". */
export function readSendAnswer(status: number, text: string, retryAfter: string | null): GraphOutcome {
  const body = parse(text);
  if (status >= 200 && status < 300) return readAccepted(body);
  const error = readGraphError(body);
  const retryAfterMs = readRetryAfter(retryAfter);
  if (error === null) {
    // Not Graph's words: a proxy's, or a redirect, which is not followed because the token would go with it.
    if (status >= 500) return { kind: "unknown", cause: `http-${status}` };
    return {
      kind: "refused",
      code: null,
      details: `answered ${status} without a Graph error`,
      class: "A",
      retryAfterMs,
    };
  }
  const errorClass = classifyGraphError(error.code, status);
  if (errorClass === "B") return { kind: "unknown", cause: `code-${error.code}` };
  return { kind: "refused", code: error.code, details: error.details, class: errorClass, retryAfterMs };
}

/**
 * Returns an error object's code, and the most telling of its texts; null if it has no code. For an answer or a status.
 */
export function readErrorObject(error: unknown): { code: number; details: string } | null {
  if (!isRecord(error)) return null;
  const code = toNumber(error["code"]);
  if (!Number.isSafeInteger(code)) return null;
  const data = error["error_data"];
  const texts = [isRecord(data) ? data["details"] : undefined, error["message"], error["title"]];
  const details = texts.find((text): text is string => typeof text === "string" && text !== "") ?? `error ${code}`;
  return { code, details: toStorableText(details.slice(0, DETAILS_LENGTH_MAX)) };
}

function readGraphError(body: unknown): { code: number; details: string } | null {
  return isRecord(body) ? readErrorObject(body["error"]) : null;
}

function readAccepted(body: unknown): GraphOutcome {
  if (!isRecord(body)) return { kind: "unknown", cause: "answer-not-json" };
  const [message] = Array.isArray(body["messages"]) ? (body["messages"] as unknown[]) : [];
  const wamid = isRecord(message) ? plainId(message["id"]) : null;
  if (isRecord(message) && wamid !== null) {
    const messageStatus = plainId(message["message_status"], 64);
    return { kind: "accepted", wamid, messageStatus };
  }
  if (body["success"] === true) return { kind: "accepted", wamid: null, messageStatus: null };
  return { kind: "unknown", cause: "answer-without-message-id" };
}

function parse(text: string): unknown {
  try {
    return parseExactJson(text);
  } catch {
    // A cut-off or foreign body; what that means depends on the status.
    return null;
  }
}

/** Meta does not document the header; seconds are honoured where it comes. Source: RFC 9110, section 10.2.3. */
function readRetryAfter(value: string | null): number | null {
  return value !== null && /^\d{1,6}$/.test(value) ? Number(value) * 1_000 : null;
}
