import {
  messageNeed,
  NOTHING_FOLLOWS,
  openSettlement,
  reviewWaiting,
  settleReport,
  type LockedSend,
  type LockedSends,
  type MarketingAsked,
  type SettlementContext,
} from "@turno/conversation";
import { readClocks, retryOnConflict, type MayTrust, type Sql, type Transaction } from "@turno/database";
import { SETS_NOTHING_ASIDE, type SetAside } from "@turno/runtime";
import { failOpenings } from "./fail-openings.ts";
import { lockSends } from "./lock-sends.ts";
import { readMarketing } from "./marketing.ts";
import { writeSettlement } from "./write-settlement.ts";

/** What the rules ask of a message that has waited, in milliseconds. */
export interface WaitLimits {
  /** A message that has waited for longer is not sent. */
  waitMsMax: number;
}

export interface LapseOptions extends SettlementContext {
  limits: WaitLimits;
  mayTrust: MayTrust;
  /** Messages that a defect follows from. The others fail all the same. */
  setAside?: SetAside;
}

const BATCH_SIZE_MAX = 256;

/**
 * Fails messages that waited until they must not go out any more, with the reason that the rules give. Each is asked about
 * again under the lock of its conversation. A failure cannot be taken back, so nothing fails while the clocks cannot be
 * trusted: it waits. Returns how many failed.
 */
export async function failLapsed(sql: Sql, ids: readonly string[], options: LapseOptions): Promise<number> {
  const { setAside = SETS_NOTHING_ASIDE } = options;
  const left = new Set(setAside.keys);
  const due = ids.filter((id) => !left.has(id));
  if (due.length === 0) return 0;
  let failed = 0;
  await setAside.run(due, String, async (some) => {
    failed += await retryOnConflict(() => sql.begin((tx) => failInTransaction(tx, some, options)));
  });
  return failed;
}

/**
 * Fails what nobody would lease: what is too old while a circuit holds it, and what has no channel. Not while a restored
 * database may hold as waiting what Meta has. Returns how many failed.
 */
export async function failStale(sql: Sql, options: LapseOptions): Promise<number> {
  let failed = 0;
  for (;;) {
    const rows = await sql<{ id: string }[]>`
      select id from sends
      where state = 'waiting' and (select turno_may_send()) and (
        (created_at < turno_now() - ${options.limits.waitMsMax} * interval '1 millisecond' and kind <> 'read')
        or not exists (select from channels where id = channel_id))
        and id <> all(${[...(options.setAside?.keys ?? [])]}::uuid[])
      limit ${BATCH_SIZE_MAX}`;
    const ids = rows.map(({ id }) => id);
    const count = await failLapsed(sql, ids, options);
    failed += count;
    if (ids.length < BATCH_SIZE_MAX || count === 0) return failed;
  }
}

async function failInTransaction(tx: Transaction, ids: readonly string[], options: LapseOptions): Promise<number> {
  const { clocks } = await readClocks(tx);
  if (!options.mayTrust(clocks)) return 0;
  const locked = { ...(await lockSends(tx, { ids, wamids: [], mayFail: true })), now: new Date(clocks.rules) };
  const settlement = openSettlement(locked);
  const marketing = await readMarketing(tx, ids);
  for (const send of locked.sends) {
    const asked = { ...options.limits, marketing: marketing.get(send.id) ?? null };
    const message = send.state === "waiting" ? lapseOf(send, locked, asked) : null;
    if (message === null) continue;
    const failure = { ...NOTHING_FOLLOWS, code: null, class: "lapsed", message };
    const report = { report: "failed" as const, at: locked.now, wamid: null, failure, pricing: null };
    settleReport(settlement, send, report, options);
  }
  const { size } = settlement.sends;
  await failOpenings(tx, settlement, options.createId);
  await writeSettlement(tx, settlement, locked.conversations, options.tryWaits);
  return size;
}

function lapseOf(
  send: LockedSend,
  { now, conversations }: LockedSends,
  asked: WaitLimits & { marketing: MarketingAsked | null },
): string | null {
  if (!send.hasChannel) return NO_CHANNEL;
  const conversation = conversations.get(send.conversationId);
  if (conversation === undefined) throw new Error("the conversation of a message is not locked");
  const { state, sessionEndsAt: endsAt, sessionClosedAt: closedAt } = conversation;
  const need = messageNeed(send.kind);
  const lapse = reviewWaiting({
    state,
    session: { endsAt, closedAt },
    need,
    requestedAt: send.createdAt,
    now,
    ...asked,
  });
  return lapse?.message ?? null;
}

const NO_CHANNEL =
  "Not sent. The business number of this conversation is not configured any more: an admin has to configure its channel.";
