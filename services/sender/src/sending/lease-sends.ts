import {
  AUTHENTICATION,
  chooseSends,
  countFitting,
  messageNeed,
  numberRateKey,
  ownRatesOf,
  reviewWaiting,
  tryWaitMs,
  type SendCandidate,
  type SendChoice,
  type SendRates,
  type TryWaits,
} from "@turno/conversation";
import { asJson, type Sql, type Transaction } from "@turno/database";
import { isRetryable, SETS_NOTHING_ASIDE, type SetAside } from "@turno/runtime";
import { covers, holds, lockDueTries, writeTries, type DueTry } from "../circuits/circuits.ts";
import type { WaitLimits } from "./fail-lapsed.ts";
import { hasToken, ownToken, type OpenableTokens } from "../tokens/own-token.ts";
import type { SealedToken } from "../tokens/token-vault.ts";
import { joinTemplate, marketingColumns, toMarketing, type MarketingRow } from "./marketing.ts";

export interface SendLeaseRequest extends OpenableTokens {
  /** How many calls the sender can begin now. */
  limit: number;
  leaseMs: number;
  rates: SendRates;
  tryWaits: TryWaits;
  limits: WaitLimits;
  /** Messages that a defect follows from. Those of other conversations go out all the same. */
  setAside?: SetAside;
}

/** Which messages a transaction looks at: these only, or all that are due; and which it took. */
interface Look {
  without: readonly string[];
  only: readonly string[] | null;
  seenIds: string[];
}

/** A message that this sender, and nobody else, may call Meta for, until its lease ends. */
export interface LeasedSend {
  id: string;
  /** The fencing number: the outcome is only taken with it. */
  attempt: number;
  phoneNumberId: string;
  kind: string;
  body: Record<string, unknown>;
  contact: { userId: string | null; phone: string | null };
  /** Whether Meta takes it to a phone number only. */
  needsPhone: boolean;
  /** The token that its channel or account had when it was leased, or null: it has none of its own. */
  token: SealedToken | null;
}

type Candidate = SendCandidate & Pick<LeasedSend, "token">;

export interface SendLeases {
  sends: LeasedSend[];
  /** How long until a message fits that a rate held back, in milliseconds; null where no rate held one back. */
  waitMs: number | null;
  /** Messages that must not go out any more: nobody holds them, and they are to be failed. */
  lapsedIds: string[];
}

/** Of messages that an open circuit covers only one tries; a few more are read, as some may not go out any more. */
const TRY_CANDIDATES_MAX = 16;

/**
 * Leases messages that are due: the oldest unfinished one of each conversation, within the rates of its number and of its
 * pair of number and contact, where no circuit is open. All senders decide under the number's row lock, so the rates hold
 * however many there are. The body, address and kind come along, so that nothing is read between the lease and the call.
 *
 * What keeps a message back, in this order: it is not due, a circuit is open, its number's rate, an earlier message of its
 * conversation (all of these by index), then what the rules say of a message that waited, then its pair's rate.
 */
export async function leaseSends(sql: Sql, request: SendLeaseRequest): Promise<SendLeases> {
  const due = await readDueLanes(sql, request);
  if (due.length === 0 || request.limit <= 0) return NOTHING;
  const { setAside = SETS_NOTHING_ASIDE } = request;
  const look: Look = { without: setAside.keys, only: null, seenIds: [] };
  try {
    return await leaseDue(sql, request, due, look);
  } catch (error) {
    if (isRetryable(error) || look.seenIds.length === 0) throw error;
    const all: SendLeases = { sends: [], waitMs: 0, lapsedIds: [] };
    await setAside.run(look.seenIds, String, async (only) => {
      const { sends, lapsedIds } = await leaseDue(sql, request, due, { ...look, only });
      all.sends.push(...sends);
      all.lapsedIds.push(...lapsedIds);
    });
    return all;
  }
}

const NOTHING: SendLeases = { sends: [], waitMs: null, lapsedIds: [] };

async function leaseDue(sql: Sql, request: SendLeaseRequest, due: readonly Lane[], look: Look): Promise<SendLeases> {
  const horizonMs = horizonOf(request);
  return sql.begin(async (tx) => {
    // Circuits before rates, as everywhere.
    const tries = await lockDueTries(tx, [...new Set(due.flatMap((lane) => lane.tries))], horizonMs);
    const lanes = due.filter((lane) => lane.tries.every((name) => tries.has(name)));
    if (lanes.length === 0) return NOTHING;
    const { nowMs, fullAtMs } = await lockNumbers(tx, [...new Set(lanes.map(({ phoneNumberId }) => phoneNumberId))]);
    const ownRates = ownRatesOf(lanes);
    const room = lanes.map((lane) => {
      const numberKey = numberRateKey(lane.phoneNumberId);
      const rate = ownRates.get(numberKey) ?? request.rates.number;
      const fitting = countFitting(rate, fullAtMs.get(numberKey) ?? null, nowMs);
      const limitMax = lane.tries.length > 0 ? TRY_CANDIDATES_MAX : request.limit;
      return { ...lane, limit: Math.min(fitting, limitMax) };
    });
    const candidates = await readCandidates(
      tx,
      room.filter(({ limit }) => limit > 0),
      request,
      look,
    );
    look.seenIds = candidates.map(({ id }) => id);
    const lapsedIds = candidates.filter((one) => isLapsed(one, request.limits)).map(({ id }) => id);
    const fit = candidates.filter(({ id }) => !lapsedIds.includes(id));
    const choice = chooseSends(fit, { ...request, ownRates, nowMs, fullAtMs });
    await Promise.all([
      writeTries(tx, triesOf(choice, tries, request)),
      writeRates(tx, choice),
      postpone(tx, choice),
      lease(tx, choice, request.leaseMs),
    ]);
    const tokens = new Map(fit.map(({ id, token }) => [id, token]));
    const sends = choice.chosen.map((chosen) => toLeased(chosen, tokens.get(chosen.id) ?? null));
    // Behind what has lapsed something else may be due.
    return { sends, waitMs: lapsedIds.length > 0 ? 0 : choice.waitMs, lapsedIds };
  });
}

const horizonOf = ({ tryWaits, leaseMs }: SendLeaseRequest) => Math.max(tryWaits.maxMs, leaseMs);

function isLapsed({ conversation, kind, requestedAt, now, marketing }: SendCandidate, limits: WaitLimits): boolean {
  const { state, sessionEndsAt: endsAt, sessionClosedAt: closedAt } = conversation;
  const session = { endsAt, closedAt };
  return reviewWaiting({ state, session, need: messageNeed(kind), requestedAt, now, marketing, ...limits }) !== null;
}

function triesOf(choice: SendChoice, due: ReadonlyMap<string, DueTry>, { tryWaits, leaseMs }: SendLeaseRequest) {
  return [...choice.tries].map(([name, sendId]) => {
    const tries = (due.get(name)?.tries ?? 0) + 1;
    return { name, sendId, waitMs: tryWaitMs(tryWaits, tries, leaseMs) };
  });
}

/** What is held back together: the templates of a channel, or everything else of it. */
interface Lane {
  channelId: string;
  phoneNumberId: string;
  isTemplate: boolean;
  ratePerSecond: number | null;
  /** The open circuits that cover it, by name. Each of them has a try that is due. */
  tries: string[];
}

/** Lanes with something due that no circuit holds back. Outside of the transaction: an idle sender costs this one statement. */
async function readDueLanes(sql: Sql, request: SendLeaseRequest): Promise<Lane[]> {
  return sql<Lane[]>`
    select channel.id as "channelId", channel.phone_number_id as "phoneNumberId", lane.is_template as "isTemplate",
      channel.rate_per_second as "ratePerSecond",
      coalesce(circuit.names, '{}') as tries
    from channels as channel cross join (values (false), (true)) as lane(is_template)
    left join lateral (
      select array_agg(scope || ':' || key) as names, bool_or(${holds(sql, horizonOf(request))}) as is_held from circuits
      where state = 'open' and ${covers(sql, request.tokenKey, sql`lane.is_template`)}
    ) as circuit on true
    where circuit.is_held is not true and ${hasToken(sql, request)} and exists (
      select from sends
      where channel_id = channel.id and (kind = 'template') = lane.is_template and state = 'waiting'
        and due_at <= (select turno_now()))
    order by channel.phone_number_id, lane.is_template`;
}

async function lockNumbers(
  tx: Transaction,
  numbers: readonly string[],
): Promise<{ nowMs: number; fullAtMs: Map<string, number> }> {
  const keys = numbers.map(numberRateKey);
  await tx`
    insert into rate_limits (key, full_at)
    select key, 'epoch' from unnest(${keys}::text[]) as wanted(key)
    where not exists (select from rate_limits where key = wanted.key)
    on conflict do nothing`;
  const rows = await tx<{ key: string; fullAtMs: number }[]>`
    select key, extract(epoch from full_at)::float8 * 1000 as "fullAtMs" from rate_limits
    where key = any(${keys}::text[]) order by key for no key update`;
  // Meta's limits run on real time, whatever clock the rules are shown.
  const [clock] = await tx<{ nowMs: number }[]>`select extract(epoch from turno_clock())::float8 * 1000 as "nowMs"`;
  if (clock === undefined) throw new Error("turno_clock() returned no row");
  return { nowMs: clock.nowMs, fullAtMs: new Map(rows.map(({ key, fullAtMs }) => [key, fullAtMs])) };
}

/**
 * The oldest unfinished message of each conversation, by lane, the longest due first, as many as fit the number's rate. A
 * channel whose number has changed since it was read is left for the next lease.
 */
async function readCandidates(
  tx: Transaction,
  room: readonly (Lane & { limit: number })[],
  request: SendLeaseRequest,
  { without, only }: Look,
): Promise<Candidate[]> {
  if (room.length === 0) return [];
  const rows = await tx<(Candidate & SendCandidate["conversation"] & MarketingRow)[]>`
    select send.id, send.attempt + 1 as attempt, send.conversation_id as "conversationId",
      send.contact_id as "contactId", channel.phone_number_id as "phoneNumberId", send.kind, send.body,
      send.created_at as "requestedAt", turno_now() as now, lane.tries,
      contact.user_id as "userId", contact.phone, channel.account_id as "accountId", conversation.state,
      conversation.session_ends_at as "sessionEndsAt", conversation.session_closed_at as "sessionClosedAt",
      extract(epoch from pair.full_at)::float8 * 1000 as "pairFullAtMs",
      case when token.scope is not null then json_build_object('scope', token.scope, 'key', token.key,
        'fingerprint', token.fingerprint, 'keyId', token.key_id, 'sealed', token.sealed) end as token,
      ${marketingColumns(tx)}
    from json_to_recordset(${asJson(room)}::text::json) as lane(
      "channelId" uuid, "phoneNumberId" text, "isTemplate" boolean, tries json, "limit" int)
    join channels as channel on channel.id = lane."channelId" and channel.phone_number_id = lane."phoneNumberId"
    cross join lateral (
      select * from sends
      where channel_id = channel.id and (kind = 'template') = lane."isTemplate" and state = 'waiting'
        and due_at <= (select turno_now()) and id <> all(${[...without]}::uuid[])
        ${only === null ? tx`` : tx`and id = any(${[...only]}::uuid[])`}
        -- Nor may the token have gone since then.
        and ${hasToken(tx, request)}
        -- Here, in the transaction that leases: between two statements the database may be restored.
        and (select turno_may_send())
        -- Nor may a circuit have been opened since the lanes were read.
        and not exists (
          select from circuits
          where state = 'open' and ${covers(tx, request.tokenKey, tx`lane."isTemplate"`)}
            and not lane.tries::jsonb ? (scope || ':' || key))
        and not exists (
          select from sends as earlier
          where earlier.conversation_id = sends.conversation_id and earlier.ordinal < sends.ordinal
            and earlier.state in ('waiting', 'sending'))
      order by due_at, ordinal limit lane."limit"
      for update skip locked
    ) as send
    left join lateral ${ownToken(tx)} as token on true
    join contacts as contact on contact.id = send.contact_id
    join conversations as conversation on conversation.id = send.conversation_id
    ${joinTemplate(tx)}
    left join rate_limits as pair on pair.key = 'pair:' || channel.phone_number_id || ':' || send.contact_id
    order by send.due_at, send.ordinal`;
  return rows.map((row) => {
    const { state, sessionEndsAt, sessionClosedAt } = row;
    return { ...row, marketing: toMarketing(row), conversation: { state, sessionEndsAt, sessionClosedAt } };
  });
}

async function writeRates(tx: Transaction, { fullAtMs }: SendChoice): Promise<void> {
  if (fullAtMs.size === 0) return;
  const rows = [...fullAtMs].map(([key, ms]) => ({ key, seconds: ms / 1_000 }));
  await tx`
    insert into rate_limits (key, full_at)
    select key, to_timestamp(seconds)
    from json_to_recordset(${asJson(rows)}::text::json) as rate(key text, seconds float8) order by key
    on conflict (key) do update set full_at = excluded.full_at`;
}

/** What does not fit its pair's rate is out of the way until it does, with all that waits behind it. */
async function postpone(tx: Transaction, { postponed }: SendChoice): Promise<void> {
  if (postponed.length === 0) return;
  await tx`
    update sends set changed_at = turno_now(), due_at = turno_now() + later.ms * interval '1 millisecond'
    from json_to_recordset(${asJson(postponed)}::text::json) as later("conversationId" uuid, ms float8)
    where sends.conversation_id = later."conversationId" and sends.state = 'waiting'
      and sends.due_at < turno_now() + later.ms * interval '1 millisecond'`;
}

async function lease(tx: Transaction, { chosen }: SendChoice, leaseMs: number): Promise<void> {
  if (chosen.length === 0) return;
  // The instant of the lease is what a refusal of this call is compared with, where its circuit was closed meanwhile.
  const rows = chosen.map(({ id, phoneNumberId }) => ({ id, phoneNumberId }));
  const leased = await tx`
    update sends set state = 'sending', attempt = attempt + 1, changed_at = turno_now(),
      phone_number_id = chosen."phoneNumberId",
      lease_until = turno_clock() + ${leaseMs} * interval '1 millisecond'
    from json_to_recordset(${asJson(rows)}::text::json) as chosen(id uuid, "phoneNumberId" text)
    where sends.id = chosen.id and sends.state = 'waiting'`;
  if (leased.count !== chosen.length) throw new Error("a locked message does not wait any more");
}

function toLeased(candidate: SendCandidate, token: SealedToken | null): LeasedSend {
  const { id, attempt, phoneNumberId, kind, body, userId, phone, marketing } = candidate;
  const needsPhone = marketing?.category === AUTHENTICATION;
  return { id, attempt, phoneNumberId, kind, body, contact: { userId, phone }, needsPhone, token };
}
