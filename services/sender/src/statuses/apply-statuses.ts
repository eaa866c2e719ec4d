import {
  openSettlement,
  settleReport,
  type LockedSend,
  type Settlement,
  type SettlementContext,
} from "@turno/conversation";
import {
  asJson,
  deadLetterCause,
  isDataFault,
  movePositions,
  retryOnConflict,
  type LogReader,
  type PositionMove,
  type Sql,
  type Transaction,
} from "@turno/database";
import { isDefect } from "@turno/runtime";
import type { CircuitChange } from "../circuits/circuits.ts";
import { failOpenings } from "../sending/fail-openings.ts";
import { lockSends, lockWamids } from "../sending/lock-sends.ts";
import { writeSettlement } from "../sending/write-settlement.ts";
import { insertWaitingStatuses, settleWaitingStatuses, type DeliveryStatus } from "./waiting-statuses.ts";

/** One line of the status lane, read: what it is, and its text for what cannot take effect. */
export type StatusItem = { key: string; field: string; line: string; receivedAt: Date } & (
  | { kind: "status"; phoneNumberId: string | null; status: DeliveryStatus }
  /** A status whose word Meta has added since: kept as it is. */
  | { kind: "observation"; phoneNumberId: string | null }
  | { kind: "unreadable"; cause: string }
);

export interface StatusOutcome {
  /** Messages that moved on, counted by status. */
  applied: number;
  /** Late, repeated or overtaken. */
  noNews: number;
  /** Their message is not known yet. */
  waiting: number;
  observed: number;
  setAside: number;
  circuits: CircuitChange[];
}

interface StatusBatch extends SettlementContext {
  reader: LogReader;
  moves: readonly PositionMove[];
  items: readonly StatusItem[];
  /** Hears of a defect for which a line is set aside. */
  onDefect: (error: unknown) => void;
}

/**
 * Applies a batch of delivery statuses and moves the reader's positions, in one transaction. Statuses only move a message
 * forward, so that repeated and reordered ones need no book of their own. One finds its message by Meta's id or by ours,
 * which came back with it: the latter also settles a message whose answer is not stored yet, or never came.
 */
export async function applyStatuses(sql: Sql, batch: StatusBatch): Promise<StatusOutcome> {
  const apply = (run: (tx: Transaction) => Promise<StatusOutcome>) =>
    retryOnConflict(() =>
      sql.begin(async (tx) => {
        await movePositions(tx, batch.reader, batch.moves);
        return run(tx);
      }),
    );
  try {
    return await apply((tx) => applyItems(tx, batch.items, batch));
  } catch (error) {
    if (!mayFollowFromItem(error)) throw error;
    let defects: unknown[] = [];
    const outcome = await apply((tx) => {
      defects = [];
      return applyOneByOne(tx, batch, (defect) => defects.push(defect));
    });
    for (const defect of defects) batch.onDefect(defect);
    return outcome;
  }
}

const mayFollowFromItem = (error: unknown) => isDataFault(error) || isDefect(error);

async function applyItems(
  tx: Transaction,
  items: readonly StatusItem[],
  context: SettlementContext,
): Promise<StatusOutcome> {
  const statuses = items.flatMap((item) => (item.kind === "status" ? item.status : []));
  const wamids = [...new Set(statuses.map(({ wamid }) => wamid))];
  await lockWamids(tx, wamids);
  const ids = [...new Set(statuses.flatMap(({ sendId }) => sendId ?? []))];
  const mayFail = statuses.some(({ report }) => report === "failed");
  const locked = await lockSends(tx, { ids, wamids, mayFail });
  const settlement = openSettlement(locked);
  const { applied, noNews, strangers } = settleStatuses(settlement, locked.sends, statuses, context);
  // A status may just have named its message: those that came before it without our id take effect too.
  await settleWaitingStatuses(tx, settlement, locked.sends, namedBy(settlement, locked.sends), context);
  await failOpenings(tx, settlement, context.createId);
  const circuits = await writeSettlement(tx, settlement, locked.conversations, context.tryWaits);
  await insertWaitingStatuses(tx, strangers, locked.now);
  const observed = await insertObservations(tx, items);
  const setAside = await setAsideUnreadable(tx, items, context.createId, locked.now);
  return { applied, noNews, waiting: strangers.length, observed, setAside, circuits };
}

function settleStatuses(
  settlement: Settlement,
  sends: readonly LockedSend[],
  statuses: readonly DeliveryStatus[],
  context: SettlementContext,
): { applied: number; noNews: number; strangers: DeliveryStatus[] } {
  const byWamid = new Map(sends.flatMap((send) => (send.wamid === null ? [] : [[send.wamid, send] as const])));
  const byId = new Map(sends.map((send) => [send.id, send]));
  const strangers: DeliveryStatus[] = [];
  let applied = 0;
  let noNews = 0;
  for (const status of statuses) {
    const send = byWamid.get(status.wamid) ?? (status.sendId === null ? undefined : byId.get(status.sendId));
    if (send === undefined) {
      strangers.push(status);
      continue;
    }
    byWamid.set(status.wamid, send);
    if (settleReport(settlement, send, status, context)) applied += 1;
    else noNews += 1;
  }
  return { applied, noNews, strangers };
}

function namedBy(settlement: Settlement, sends: readonly LockedSend[]): string[] {
  return sends.flatMap(({ id, wamid }) => (wamid === null ? (settlement.sends.get(id)?.wamid ?? []) : []));
}

/** One by one, each undone for itself where the database refuses it or a defect meets it: these are set aside. */
async function applyOneByOne(
  tx: Transaction,
  batch: StatusBatch,
  onDefect: (error: unknown) => void,
): Promise<StatusOutcome> {
  const total: StatusOutcome = { applied: 0, noNews: 0, waiting: 0, observed: 0, setAside: 0, circuits: [] };
  for (const item of batch.items) {
    const { circuits, ...counts } = await tx
      .savepoint((inner) => applyItems(inner as Transaction, [item], batch))
      .catch((error: unknown) => {
        if (!mayFollowFromItem(error)) throw error;
        if (isDefect(error)) onDefect(error);
        const cause = deadLetterCause(error);
        const { key, field, line, receivedAt } = item;
        return applyItems(tx, [{ key, field, line, receivedAt, kind: "unreadable", cause }], batch);
      });
    total.circuits.push(...circuits);
    for (const name of Object.keys(counts) as (keyof typeof counts)[]) total[name] += counts[name];
  }
  return total;
}

async function insertObservations(tx: Transaction, items: readonly StatusItem[]): Promise<number> {
  const rows = items.filter((item) => item.kind === "observation");
  if (rows.length === 0) return 0;
  await tx`
    insert into observations (key, what, phone_number_id, received_at, line)
    select key, 'status', "phoneNumberId", "receivedAt", line
    from json_to_recordset(${asJson(rows)}::text::json) as observation(
      key text, "phoneNumberId" text, "receivedAt" timestamptz, line text)
    on conflict do nothing`;
  return rows.length;
}

async function setAsideUnreadable(
  tx: Transaction,
  items: readonly StatusItem[],
  createId: () => string,
  now: Date,
): Promise<number> {
  const rows = items.flatMap((item) => (item.kind === "unreadable" ? [{ ...item, id: createId() }] : []));
  if (rows.length === 0) return 0;
  await tx`
    insert into dead_letters (id, key, cause, field, line, set_aside_at)
    select id, key, cause, field, line, ${now}
    from json_to_recordset(${asJson(rows)}::text::json) as letter(id uuid, key text, cause text, field text, line text)
    on conflict do nothing`;
  return rows.length;
}
