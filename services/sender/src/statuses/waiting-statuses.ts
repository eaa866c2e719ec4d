import {
  currentSend,
  settleReport,
  type DeliveryReport,
  type LockedSend,
  type SendFailure,
  type Settlement,
  type SettlementContext,
} from "@turno/conversation";
import { asJson, type Transaction } from "@turno/database";

/** A delivery status, read. `sendId` is what came back as callback data, if it was an id of ours. */
export interface DeliveryStatus {
  /** The update's dedupe key. */
  key: string;
  wamid: string;
  sendId: string | null;
  report: DeliveryReport;
  /** Meta's timestamp. */
  at: Date;
  failure: SendFailure | null;
  pricing: object | null;
}

/** Keeps statuses whose message is not known (yet), until it is. */
export async function insertWaitingStatuses(
  tx: Transaction,
  statuses: readonly DeliveryStatus[],
  now: Date,
): Promise<void> {
  if (statuses.length === 0) return;
  const rows = statuses.map(({ key, wamid, sendId, report, at, failure, pricing }) => {
    const line = JSON.stringify({ key, wamid, sendId, report, at, failure, pricing });
    return { key, wamid, line };
  });
  await tx`
    insert into waiting_statuses (key, wamid, arrived_at, line)
    select key, wamid, ${now}, line
    from json_to_recordset(${asJson(rows)}::text::json) as status(key text, wamid text, line text)
    on conflict do nothing`;
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
  for (const { wamid, line } of rows) {
    const send = byWamid.get(wamid);
    const status = JSON.parse(line) as Omit<DeliveryStatus, "at"> & { at: string };
    if (send !== undefined) settleReport(settlement, send, { ...status, at: new Date(status.at) }, context);
  }
}
