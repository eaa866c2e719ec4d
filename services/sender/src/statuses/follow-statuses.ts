import { isDeliveryReport, type Observation, type Unreadable } from "@turno/conversation";
import type { CommandHandlers, PartitionReader } from "@turno/messaging";
import { followLane, refuseUnknownLetter, retryDeadLetter } from "@turno/stateful-service";
import { isStatusLine, readLine, readStatus } from "@turno/whatsapp";
import { validate as isUuid } from "uuid";
import type { SenderContext } from "../context.ts";
import { failureOf } from "../sending/judge.ts";
import { applyStatuses, type StatusItem } from "./apply-statuses.ts";

type Batch = Parameters<typeof applyStatuses>[1];

/** Follows the delivery statuses of the inbound log. */
export function followStatuses(context: SenderContext): PartitionReader {
  return followLane<StatusItem>(context, {
    lane: "status",
    consumer: "sender",
    stage: "status",
    updates: context.metrics.statuses,
    read: readStatusLine,
    apply: (batch) => apply(context, batch),
  });
}

/** Tries the dead letter of a status again. */
export const retryStatus =
  (context: SenderContext): NonNullable<CommandHandlers["retry-status"]> =>
  (request) =>
    retryDeadLetter<StatusItem>(context.sql, request, {
      isOwn: isStatusLine,
      passOn: () => refuseUnknownLetter(request.id),
      read: readStatusLine,
      apply: (batch) => apply(context, { ...batch, createId: context.createId }),
      onDefect: context.tellDefect("retry of a dead letter"),
    });

async function apply(context: SenderContext, batch: Omit<Batch, "tokenKey" | "tryWaits">) {
  const { sql, metrics, tokenKey, tryWaits } = context;
  const outcome = await applyStatuses(sql, { ...batch, tokenKey, tryWaits });
  context.tellCircuits(outcome.circuits);
  metrics.statuses.inc({ outcome: "applied" }, outcome.applied);
  metrics.statuses.inc({ outcome: "no-news" }, outcome.noNews);
  metrics.statuses.inc({ outcome: "waiting" }, outcome.waiting);
  return outcome;
}

/** What Meta calls the status of a payment. Source: Meta, Payments API, "Payment signals". */
const PAYMENT = "payment";

/** Reads one line of the status lane. What is no news of a delivery or a payment (a word that Meta has added since) is kept. */
export function readStatusLine(line: string): StatusItem | Observation | Unreadable {
  const update = readLine(line);
  if ("cause" in update) return update;
  const { key, field } = update;
  const status = readStatus(update);
  if ("cause" in status) return { kind: "unreadable", key, field, line, cause: status.cause };
  const origin = { key, field, line, receivedAt: new Date(update.receivedAt) };
  const { wamid, type, status: report, at, callbackData, error, pricing } = status;
  const sendId = isUuid(callbackData) ? callbackData : null;
  const phoneNumberId = update.metadata?.phone_number_id ?? null;
  const of = { accountId: update.accountId, phoneNumberId };
  if (type === PAYMENT) {
    const content = JSON.stringify(update.update);
    return { ...origin, kind: "payment", wamid, sendId, of, status: report, at, content };
  }
  if (type !== "message" || !isDeliveryReport(report)) {
    return { ...origin, kind: "observation", what: type === "message" ? "status" : type, phoneNumberId };
  }
  const failure = report === "failed" && error !== null ? failureOf(error, "status") : null;
  return { ...origin, kind: "status", wamid, sendId, of, report, at, failure, pricing };
}
