import {
  openSettlement,
  settleReport,
  type InboundOrigin,
  type LockedSend,
  type Settlement,
  type SettlementContext,
} from "@turno/conversation";
import type { Sql, Transaction } from "@turno/database";
import { applyLines, type LaneBatch, type LaneTransaction } from "@turno/stateful-service";
import type { CircuitChange } from "../circuits/circuits.ts";
import { failOpenings } from "../sending/fail-openings.ts";
import { lockSends, lockWamids } from "../sending/lock-sends.ts";
import { writeSettlement } from "../sending/write-settlement.ts";
import {
  insertWaitingStatuses,
  isOfAnothers,
  settlePayments,
  settleWaitingStatuses,
  type DeliveryStatus,
  type PaymentStatus,
} from "./waiting-statuses.ts";

/** A status of a delivery or a payment as it was read from its line. */
export type StatusItem = InboundOrigin & (DeliveryStatus | PaymentStatus);

interface StatusOutcome {
  /** Messages that moved on, counted by status. */
  applied: number;
  /** Late, repeated or overtaken. */
  noNews: number;
  /** Their message is not known yet. */
  waiting: number;
  circuits: CircuitChange[];
}

const ANOTHERS =
  "another-number: this status comes from another number or business account than the message that it names";

/**
 * Applies a batch of delivery statuses in one transaction. Statuses only move a message forward, so that repeated and
 * reordered ones need no book of their own. One finds its message by Meta's id or by ours, which came back with it: the
 * latter also settles a message whose answer is not stored yet, or never came.
 */
export const applyStatuses = (sql: Sql, batch: LaneBatch<StatusItem> & SettlementContext) =>
  applyLines(sql, batch, (tx, statuses, lane) => settleAll(tx, statuses, lane, batch));

async function settleAll(
  tx: Transaction,
  statuses: readonly StatusItem[],
  lane: LaneTransaction,
  context: SettlementContext,
): Promise<StatusOutcome> {
  const wamids = [...new Set(statuses.map(({ wamid }) => wamid))];
  await lane.begin(() => lockWamids(tx, wamids));
  const ids = [...new Set(statuses.flatMap(({ sendId }) => sendId ?? []))];
  const mayFail = statuses.some((status) => status.kind === "status" && status.report === "failed");
  const locked = await lockSends(tx, { ids, wamids, mayFail });
  const settlement = openSettlement(locked);
  const { payments, strangers, ofAnothers, ...counts } = settleStatuses(settlement, locked.sends, statuses, context);
  const noted = await settlePayments(tx, settlement, payments, context);
  // A status may just have named its message: those that came before it without our id take effect too.
  await settleWaitingStatuses(tx, settlement, locked.sends, namedBy(settlement, locked.sends), context);
  await failOpenings(tx, settlement, context.createId);
  const circuits = await writeSettlement(tx, settlement, locked.conversations, context.tryWaits);
  await insertWaitingStatuses(tx, strangers, locked.now);
  await lane.setAside(ofAnothers, ANOTHERS);
  const [applied, noNews] = [counts.applied + noted, counts.noNews + payments.length - noted];
  return { applied, noNews, waiting: strangers.length, circuits };
}

function settleStatuses(
  settlement: Settlement,
  sends: readonly LockedSend[],
  statuses: readonly StatusItem[],
  context: SettlementContext,
): {
  applied: number;
  noNews: number;
  payments: { send: LockedSend; payment: PaymentStatus }[];
  strangers: StatusItem[];
  ofAnothers: StatusItem[];
} {
  const byWamid = new Map(sends.flatMap((send) => (send.wamid === null ? [] : [[send.wamid, send] as const])));
  const byId = new Map(sends.map((send) => [send.id, send]));
  const strangers: StatusItem[] = [];
  const ofAnothers: StatusItem[] = [];
  const payments: { send: LockedSend; payment: PaymentStatus }[] = [];
  let applied = 0;
  let noNews = 0;
  for (const status of statuses) {
    const send = byWamid.get(status.wamid) ?? (status.sendId === null ? undefined : byId.get(status.sendId));
    if (send === undefined) {
      strangers.push(status);
      continue;
    }
    if (isOfAnothers(status, send)) {
      ofAnothers.push(status);
      continue;
    }
    byWamid.set(status.wamid, send);
    if (status.kind === "payment") payments.push({ send, payment: status });
    else if (settleReport(settlement, send, status, context)) applied += 1;
    else noNews += 1;
  }
  return { applied, noNews, payments, strangers, ofAnothers };
}

function namedBy(settlement: Settlement, sends: readonly LockedSend[]): string[] {
  return sends.flatMap(({ id, wamid }) => (wamid === null ? (settlement.sends.get(id)?.wamid ?? []) : []));
}
