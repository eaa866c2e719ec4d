import { dueStep, expiryOf, type DueStep } from "@turno/conversation";
import {
  ADVISORY_LOCKS,
  asJson,
  ConflictFailure,
  lockAgents,
  readClocks,
  release,
  retryOnConflict,
  writeEvents,
  type MayTrust,
  type NewEvent,
  type Sql,
  type Transaction,
} from "@turno/database";
import { isRetryable, SETS_NOTHING_ASIDE, type SetAside } from "@turno/runtime";

export interface SweepOutcome {
  expired: number;
  warned: number;
  /** In how many milliseconds of the rules' clock the next conversation is due; null if none is open. */
  nextDueMs: number | null;
  /** Whether this call did not sweep because another tracker was sweeping. */
  isStandby: boolean;
}

export interface SweepOptions {
  warningMinutes: readonly number[];
  limit: number;
  createId: () => string;
  mayTrust: MayTrust;
  /** Conversations that a defect follows from. The others expire and are warned of all the same. */
  setAside?: SetAside;
}

/** Which conversations a transaction looks at: these only, or all that are due; and which it took. */
interface Look {
  setAside: SetAside;
  only: readonly string[] | null;
  seenIds: string[];
}

interface DueRow {
  conversationId: string;
  channelId: string;
  contactId: string;
  phoneNumberId: string;
  agentId: string | null;
  sequence: number;
  openedAt: Date;
  sessionEndsAt: Date | null;
  warnedEndsAt: Date | null;
  warnedMinutes: number | null;
  ticketNumber: number | null;
}

type Step = DueRow & { step: DueStep };

/**
 * Expires the conversations that are due, and warns of those that will soon be. One tracker sweeps at a time; the
 * others find out at once and stand by.
 *
 * Time is the rules' clock, but never later than the routers' watermark. Up to the watermark everything that arrived
 * has taken effect, so a customer who wrote is never expired because a router was down. It locks agents, then
 * conversations, and leaves to the next call what another transaction is changing right now.
 */
export async function sweepDue(sql: Sql, options: SweepOptions): Promise<SweepOutcome> {
  const { setAside = SETS_NOTHING_ASIDE } = options;
  const look: Look = { setAside, only: null, seenIds: [] };
  try {
    return await sweep(sql, options, look);
  } catch (error) {
    if (isRetryable(error) || look.seenIds.length === 0) throw error;
    const total: SweepOutcome = { expired: 0, warned: 0, nextDueMs: 0, isStandby: false };
    await setAside.run(look.seenIds, String, async (only) => {
      const { expired, warned } = await sweep(sql, options, { setAside, only, seenIds: [] });
      total.expired += expired;
      total.warned += warned;
    });
    return total;
  }
}

async function sweep(sql: Sql, options: SweepOptions, look: Look): Promise<SweepOutcome> {
  return retryOnConflict(() =>
    sql.begin(async (tx) => {
      look.seenIds = [];
      const [lock] = await tx<
        { isHeld: boolean }[]
      >`select pg_try_advisory_xact_lock(${ADVISORY_LOCKS.sweep}) as "isHeld"`;
      if (lock?.isHeld !== true) return { expired: 0, warned: 0, nextDueMs: null, isStandby: true };
      const now = await readSafeInstant(tx, options.mayTrust);
      const steps = now === null ? [] : await takeDue(tx, now, options, look);
      const expired = steps.filter(({ step }) => step.kind === "expire");
      const later = steps.filter(({ step }) => step.kind !== "expire");
      const warned = later.filter(({ step }) => step.kind === "warn");
      if (now !== null) {
        await expire(tx, expired, now);
        await postpone(tx, later);
        await writeEvents(tx, toEvents([...expired, ...warned], options.createId), now);
      }
      return {
        expired: expired.length,
        warned: warned.length,
        nextDueMs: await readNextDue(tx, look),
        isStandby: false,
      };
    }),
  );
}

/**
 * Returns now, or the routers' watermark if that is behind; null if a partition was never read, or the clocks are not
 * to be trusted.
 */
async function readSafeInstant(tx: Transaction, mayTrust: MayTrust): Promise<Date | null> {
  const { clocks, lowest } = await readClocks(tx);
  return mayTrust(clocks) && lowest !== null ? new Date(Math.min(clocks.rules, lowest)) : null;
}

async function takeDue(tx: Transaction, now: Date, options: SweepOptions, look: Look): Promise<Step[]> {
  const { setAside, only } = look;
  const seen = await tx<{ id: string; agentId: string | null }[]>`
    select id, agent_id as "agentId" from conversations
    where state in ('queued', 'active') and check_at <= ${now} and id <> all(${[...setAside.keys]}::uuid[])
      ${only === null ? tx`` : tx`and id = any(${[...only]}::uuid[])`}
    order by check_at limit ${options.limit}`;
  if (seen.length === 0) return [];
  look.seenIds = seen.map(({ id }) => id);
  const agentIds = new Set(seen.flatMap(({ agentId }) => (agentId === null ? [] : [agentId])));
  await lockAgents(tx, [...agentIds]);
  const due = await tx<DueRow[]>`
    select conversation.id as "conversationId", conversation.channel_id as "channelId",
      conversation.contact_id as "contactId", channel.phone_number_id as "phoneNumberId",
      conversation.agent_id as "agentId", conversation.sequence, conversation.opened_at as "openedAt",
      conversation.session_ends_at as "sessionEndsAt", conversation.warned_ends_at as "warnedEndsAt",
      conversation.warned_minutes as "warnedMinutes", conversation.ticket_number as "ticketNumber"
    from conversations as conversation join channels as channel on channel.id = conversation.channel_id
    where conversation.id = any(${look.seenIds}::uuid[]) and conversation.state in ('queued', 'active')
    order by conversation.id
    for update of conversation skip locked`;
  if (due.some(({ agentId }) => agentId !== null && !agentIds.has(agentId))) {
    throw new ConflictFailure("a conversation changed its agent before it was locked");
  }
  return due.map((row) => ({ ...row, step: dueStep({ ...row, warned: warnedOf(row) }, options.warningMinutes, now) }));
}

function warnedOf({ warnedEndsAt, warnedMinutes }: DueRow): { endsAt: Date; minutes: number } | null {
  return warnedEndsAt === null || warnedMinutes === null ? null : { endsAt: warnedEndsAt, minutes: warnedMinutes };
}

/**
 * Expires conversations. Each keeps its agent, who may send a template or finalise it, and no longer counts against the
 * capacity.
 */
async function expire(tx: Transaction, expired: readonly Step[], now: Date): Promise<void> {
  if (expired.length === 0) return;
  const conversationIds = expired.map(({ conversationId }) => conversationId);
  await Promise.all([
    tx`update conversations set state = 'expired', sequence = sequence + 1 where id = any(${conversationIds}::uuid[])`,
    release(tx, { conversationIds }, now),
  ]);
}

async function postpone(tx: Transaction, later: readonly Step[]): Promise<void> {
  if (later.length === 0) return;
  const rows = later.map((row) => ({
    id: row.conversationId,
    checkAt: row.step.kind === "expire" ? null : row.step.nextCheckAt,
    warnedMinutes: row.step.kind === "warn" ? row.step.minutesBefore : null,
    warnedEndsAt: row.step.kind === "warn" ? expiryOf(row) : null,
  }));
  await tx`
    update conversations set check_at = later."checkAt",
      warned_ends_at = coalesce(later."warnedEndsAt", warned_ends_at),
      warned_minutes = coalesce(later."warnedMinutes", warned_minutes),
      sequence = sequence + case when later."warnedMinutes" is null then 0 else 1 end
    from json_to_recordset(${asJson(rows)}::text::json) as later(
      id uuid, "checkAt" timestamptz, "warnedMinutes" int, "warnedEndsAt" timestamptz)
    where conversations.id = later.id`;
}

function toEvents(steps: readonly Step[], createId: () => string): NewEvent[] {
  return steps.map((row) => {
    const { conversationId, channelId, contactId, phoneNumberId, agentId, ticketNumber, step } = row;
    const place = { conversationId, channelId, phoneNumberId, contactId };
    const event = { id: createId(), sequence: row.sequence + 1 };
    const end = expiryOf(row).toISOString();
    return step.kind === "warn"
      ? {
          ...event,
          type: "conversation.expiring",
          data: { ...place, expiresAt: end, minutesBefore: step.minutesBefore },
        }
      : { ...event, type: "conversation.expired", data: { ...place, expiredAt: end, agentId, ticketNumber } };
  });
}

async function readNextDue(tx: Transaction, { setAside }: Look): Promise<number | null> {
  const [row] = await tx<{ ms: number | null }[]>`
    select (extract(epoch from min(check_at) - turno_now()) * 1000)::float8 as ms
    from conversations where state in ('queued', 'active') and id <> all(${[...setAside.keys]}::uuid[])`;
  return row?.ms ?? null;
}
