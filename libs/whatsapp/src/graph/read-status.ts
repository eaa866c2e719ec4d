import type { InboundUpdate } from "@turno/contracts";
import { isRecord, plainId, toNumber } from "../exact-json.ts";
import { statusType } from "../update-key.ts";
import { classifyGraphError, type GraphErrorClass } from "./error-class.ts";
import { readErrorObject } from "./read-answer.ts";

/** A delivery status. `status` is an open set; `callbackData` is what we gave with the send, if it came back. */
export interface StatusUpdate {
  wamid: string;
  /** `message` where it is about the delivery; another word, such as `payment`, says nothing about that. */
  type: string;
  status: string;
  /** Meta's timestamp, to the second. */
  at: Date;
  callbackData: string | null;
  error: { code: number; details: string; class: GraphErrorClass } | null;
  /** `{billable, pricing_model, type, category}` as Meta sent it, or null. */
  pricing: object | null;
}

/** Reads an update of the status lane, or says what it lacks. Shape by Meta, Cloud API, "status messages webhook". */
export function readStatus(line: InboundUpdate): StatusUpdate | { cause: string } {
  const { update } = line;
  if (!isRecord(update)) return { cause: `${line.field}: must be an object` };
  const wamid = plainId(update["id"]);
  const status = plainId(update["status"], 64);
  const seconds = toNumber(update["timestamp"]);
  if (wamid === null) return { cause: "id: must be a message id" };
  if (status === null) return { cause: "status: must be a word" };
  if (!Number.isSafeInteger(seconds) || seconds <= 0 || seconds > 8_640_000_000_000) {
    return { cause: "timestamp: must be seconds since the epoch" };
  }
  const [first] = Array.isArray(update["errors"]) ? (update["errors"] as unknown[]) : [];
  const error = readErrorObject(first);
  const { pricing } = update;
  return {
    wamid,
    type: statusType(update),
    status,
    at: new Date(seconds * 1_000),
    callbackData: plainId(update["biz_opaque_callback_data"]),
    error: error === null ? null : { ...error, class: classifyGraphError(error.code) },
    pricing: isRecord(pricing) ? pricing : null,
  };
}
