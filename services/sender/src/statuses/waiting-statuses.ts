import {
  currentSend,
  isAnothers,
  notePayment,
  settleReport,
  type DeliveryReport,
  type LockedSend,
  type PaymentReport,
  type SendFailure,
  type Settlement,
  type SettlementContext,
  type SpokenFor,
} from "@turno/conversation";
import { asJson, type Transaction } from "@turno/database";

/** Which message a status is about. `sendId` is what came back as callback data, if it was an id of ours. */
interface StatusPlace {
  /** The update's dedupe key. */
  key: string;
  wamid: string;
  sendId: string | null;
  /** Whose it is, as it says. What the last release kept does not say it. */
  of?: SpokenFor;
}

export const isOfAnothers = ({ of }: StatusPlace, send: LockedSend): boolean =>
  of !== undefined && isAnothers(of, send);

/** A delivery status, read. */
export interface DeliveryStatus extends StatusPlace {
  kind: "status";
  report: DeliveryReport;
  /** Meta's timestamp. */
  at: Date;
  failure: SendFailure | null;
  pricing: object | null;
}

/** A status about a payment that the message asked for, read. */
export interface PaymentStatus extends StatusPlace, PaymentReport {
  kind: "payment";
}

/** Keeps statuses whose message is not known (yet), until it is. */
export async function insertWaitingStatuses(
  tx: Transaction,
  statuses: readonly (DeliveryStatus | PaymentStatus)[],
  now: Date,
): Promise<void> {
  if (statuses.length === 0) return;
  const rows = statuses.map((status) => ({ key: status.key, wamid: status.wamid, line: toLine(status) }));
  await tx`
    insert into waiting_statuses (key, wamid, arrived_at, line)
    select key, wamid, ${now}, line
    from json_to_recordset(${asJson(rows)}::text::json) as status(key text, wamid text, line text)
    on conflict do nothing`;
}

function toLine(status: DeliveryStatus | PaymentStatus): string {
  const { kind, key, wamid, sendId, of, at } = status;
  const common = { kind, key, wamid, sendId, of, at };
  if (status.kind === "payment") {
    const { status: word, receivedAt, content } = status;
    return JSON.stringify({ ...common, status: word, receivedAt, content });
  }
  const { report, failure, pricing } = status;
  return JSON.stringify({ ...common, report, failure, pricing });
}

/** What the last release kept had no kind: it was a delivery's. */
function fromLine(line: string): DeliveryStatus | PaymentStatus {
  const { at, receivedAt, ...status } = JSON.parse(line) as { at: string; receivedAt?: string };
  const instants = { at: new Date(at), ...(receivedAt === undefined ? {} : { receivedAt: new Date(receivedAt) }) };
  return { kind: "status", ...status, ...instants } as DeliveryStatus | PaymentStatus;
}

/**
 * Notes payments in the conversations of their messages, each once: delivery statuses only move forward, and so need no such
 * book. The caller holds the locks of the messages' ids, so nobody else notes the same one meanwhile.
 */
export async function settlePayments(
  tx: Transaction,
  settlement: Settlement,
  payments: readonly { send: LockedSend; payment: PaymentStatus }[],
  context: SettlementContext,
): Promise<number> {
  if (payments.length === 0) return 0;
  const keys = payments.map(({ payment }) => payment.key);
  const known = await tx<{ key: string }[]>`select key from messages where key = any(${keys}::text[])`;
  const noted = new Set([...known, ...settlement.payments].map(({ key }) => key));
  let count = 0;
  for (const { send, payment } of payments) {
    if (noted.has(payment.key)) continue;
    noted.add(payment.key);
    notePayment(settlement, send, payment, context);
    count += 1;
  }
  return count;
}

/** Takes the statuses that came before their message's id was known. The caller holds the locks of these ids. */
export async function settleWaitingStatuses(
  tx: Transaction,
  settlement: Settlement,
  sends: readonly LockedSend[],
  wamids: readonly string[],
  context: SettlementContext,
): Promise<void> {
  if (wamids.length === 0) return;
  const rows = await tx<{ wamid: string; line: string }[]>`
    with taken as (
      delete from waiting_statuses where wamid = any(${[...wamids]}::text[]) returning wamid, arrived_at, key, line
    )
    select wamid, line from taken order by arrived_at, key`;
  const byWamid = new Map(sends.map((send) => [currentSend(settlement, send).wamid, send]));
  const payments: { send: LockedSend; payment: PaymentStatus }[] = [];
  for (const { wamid, line } of rows) {
    const send = byWamid.get(wamid);
    const status = fromLine(line);
    // One that another account signed for this message never was about it.
    if (send === undefined || isOfAnothers(status, send)) continue;
    if (status.kind === "payment") payments.push({ send, payment: status });
    else settleReport(settlement, send, status, context);
  }
  await settlePayments(tx, settlement, payments, context);
}
