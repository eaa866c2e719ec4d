import { isDeliveryReport } from "@turno/conversation";
import { deadLetterCause } from "@turno/database";
import { readLines, type PartitionReader } from "@turno/messaging";
import { readStatus } from "@turno/whatsapp";
import { createHash } from "node:crypto";
import { validate as isUuid } from "uuid";
import type { SenderContext } from "../context.ts";
import { parseLine, readLane } from "../read-lane.ts";
import { failureOf } from "../sending/judge.ts";
import { applyStatuses, type StatusItem } from "./apply-statuses.ts";

const CONSUMER = "sender";

/** Follows the delivery statuses of the inbound log. */
export function followStatuses(context: SenderContext, owner: string): PartitionReader {
  const { sql, metrics, createId, tokenKey, tryWaits } = context;
  const onDefect = context.tellDefect("status");
  return readLane(context, "status", {
    consumer: CONSUMER,
    owner,
    apply: async (reader, { lines, moves }) => {
      const items = readLines(lines, toStatusItem, (json, defect) => {
        onDefect(defect);
        return unreadableLine(json, deadLetterCause(defect));
      });
      const outcome = await applyStatuses(sql, { reader, moves, items, createId, tokenKey, tryWaits, onDefect });
      context.tellCircuits(outcome.circuits);
      metrics.statuses.inc({ outcome: "applied" }, outcome.applied);
      metrics.statuses.inc({ outcome: "no-news" }, outcome.noNews);
      metrics.statuses.inc({ outcome: "waiting" }, outcome.waiting);
      metrics.statuses.inc({ outcome: "observed" }, outcome.observed);
      metrics.statuses.inc({ outcome: "set-aside" }, outcome.setAside);
    },
  });
}

/** Reads one line of the status lane. What cannot be read says why, and is set aside. */
export function toStatusItem(line: string): StatusItem {
  const update = parseLine(line);
  if ("cause" in update) return unreadableLine(line, update.cause);
  const { key, field } = update;
  const place = { key, field, line, receivedAt: new Date(update.receivedAt) };
  const phoneNumberId = update.metadata?.phone_number_id ?? null;
  const status = readStatus(update);
  if ("cause" in status) return { ...place, kind: "unreadable", cause: status.cause };
  const { wamid, status: report, at, callbackData, error, pricing } = status;
  if (!isDeliveryReport(report)) return { ...place, kind: "observation", phoneNumberId };
  const failure = report === "failed" && error !== null ? failureOf(error, "status") : null;
  const sendId = isUuid(callbackData) ? callbackData : null;
  return {
    ...place,
    kind: "status",
    phoneNumberId,
    status: { key, wamid, sendId, report, at, failure, pricing },
  };
}

/** A line of which nothing but its text is known. */
function unreadableLine(line: string, cause: string): StatusItem {
  const key = `line:${createHash("sha256").update(line).digest("hex")}`;
  return { key, field: "", line, receivedAt: new Date(0), kind: "unreadable", cause };
}
