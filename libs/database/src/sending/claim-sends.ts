import type { Sql, Transaction } from "../connection.ts";
import { asJson } from "../rows.ts";
import { choose, type Candidate, type Choice, type SendRates } from "./choose-candidates.ts";
import { countFitting, numberRateKey } from "./rate.ts";

export interface ClaimRequest {
  /** How many calls the sender can begin now. */
  limit: number;
  leaseMs: number;
  /** Names the access token in the circuits, without being it. */
  tokenKey: string;
  rates: SendRates;
}

/** A message that this sender, and nobody else, may call Meta for, until its lease ends. */
export interface ClaimedSend {
  id: string;
  /** The fencing number: the outcome is only taken with it. */
  attempt: number;
  phoneNumberId: string;
  kind: string;
  body: Record<string, unknown>;
  contact: { userId: string | null; phone: string | null };
  /** Whether Meta takes it to a phone number only. */
  needsPhone: boolean;
}

export interface Claim {
  sends: ClaimedSend[];
  /** How long until a message fits that a rate held back, in milliseconds; null where no rate held one back. */
  waitMs: number | null;
}

/**
 * Claims messages that are due: the oldest unfinished one of each conversation, within the rates of its number and of its
 * pair of number and contact, where no circuit is open. All senders decide under the number's row lock, so the rates hold
 * however many there are. The body, address and kind come along, so that nothing is read between the claim and the call.
 */
export async function claimSends(sql: Sql, request: ClaimRequest): Promise<Claim> {
  const numbers = await readDueNumbers(sql, request.tokenKey);
  if (numbers.length === 0 || request.limit <= 0) return { sends: [], waitMs: null };
  return sql.begin(async (tx) => {
    const { nowMs, fullAtMs } = await lockNumbers(tx, numbers);
    const room = numbers.map((phoneNumberId) => {
      const fitting = countFitting(request.rates.number, fullAtMs.get(numberRateKey(phoneNumberId)) ?? null, nowMs);
      return { phoneNumberId, limit: Math.min(fitting, request.limit) };
    });
    const candidates = await readCandidates(
      tx,
      room.filter(({ limit }) => limit > 0),
    );
    const choice = choose(candidates, { ...request, nowMs, fullAtMs });
    const [, , , authentication] = await Promise.all([
      writeRates(tx, choice),
      postpone(tx, choice),
      lease(tx, choice, request.leaseMs),
      readAuthenticationTemplates(tx, choice.chosen),
    ]);
    return { sends: choice.chosen.map((candidate) => toClaimed(candidate, authentication)), waitMs: choice.waitMs };
  });
}

/** Numbers with something due and no open circuit. Outside of the transaction: an idle sender costs this one statement. */
async function readDueNumbers(sql: Sql, tokenKey: string): Promise<string[]> {
  const rows = await sql<{ phoneNumberId: string }[]>`
    select channel.phone_number_id as "phoneNumberId" from channels as channel
    where exists (
        select from sends
        where phone_number_id = channel.phone_number_id and state = 'waiting' and due_at <= (select turno_now()))
      and not exists (
        select from circuits
        where (scope = 'token' and key = ${tokenKey}) or (scope = 'number' and key = channel.phone_number_id)
          or (scope = 'account' and key = channel.account_id))
    order by channel.phone_number_id`;
  return rows.map(({ phoneNumberId }) => phoneNumberId);
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

/** The oldest unfinished message of each conversation, by number, the longest due first, as many as fit the number's rate. */
async function readCandidates(
  tx: Transaction,
  room: readonly { phoneNumberId: string; limit: number }[],
): Promise<Candidate[]> {
  if (room.length === 0) return [];
  return tx<Candidate[]>`
    select send.id, send.attempt + 1 as attempt, send.conversation_id as "conversationId",
      send.contact_id as "contactId", send.phone_number_id as "phoneNumberId", send.kind, send.body,
      contact.user_id as "userId", contact.phone, channel.account_id as "accountId",
      extract(epoch from pair.full_at)::float8 * 1000 as "pairFullAtMs"
    from json_to_recordset(${asJson(room)}::text::json) as number("phoneNumberId" text, "limit" int)
    cross join lateral (
      select * from sends
      where phone_number_id = number."phoneNumberId" and state = 'waiting' and due_at <= (select turno_now())
        -- Here, in the transaction that claims: between two statements the database may be restored.
        and (select turno_may_send())
        and not exists (
          select from sends as earlier
          where earlier.conversation_id = sends.conversation_id and earlier.ordinal < sends.ordinal
            and earlier.state in ('waiting', 'sending'))
      order by due_at, ordinal limit number."limit"
      for update skip locked
    ) as send
    join contacts as contact on contact.id = send.contact_id
    join channels as channel on channel.id = send.channel_id
    left join rate_limits as pair on pair.key = 'pair:' || send.phone_number_id || ':' || send.contact_id`;
}

async function writeRates(tx: Transaction, { fullAtMs }: Choice): Promise<void> {
  if (fullAtMs.size === 0) return;
  const rows = [...fullAtMs].map(([key, ms]) => ({ key, seconds: ms / 1_000 }));
  await tx`
    insert into rate_limits (key, full_at)
    select key, to_timestamp(seconds)
    from json_to_recordset(${asJson(rows)}::text::json) as rate(key text, seconds float8) order by key
    on conflict (key) do update set full_at = excluded.full_at`;
}

/** What does not fit its pair's rate is out of the way until it does, with all that waits behind it. */
async function postpone(tx: Transaction, { postponed }: Choice): Promise<void> {
  if (postponed.length === 0) return;
  await tx`
    update sends set changed_at = turno_now(), due_at = turno_now() + later.ms * interval '1 millisecond'
    from json_to_recordset(${asJson(postponed)}::text::json) as later("conversationId" uuid, ms float8)
    where sends.conversation_id = later."conversationId" and sends.state = 'waiting'
      and sends.due_at < turno_now() + later.ms * interval '1 millisecond'`;
}

async function lease(tx: Transaction, { chosen }: Choice, leaseMs: number): Promise<void> {
  if (chosen.length === 0) return;
  const leased = await tx`
    update sends set state = 'sending', attempt = attempt + 1, changed_at = turno_now(),
      lease_until = turno_clock() + ${leaseMs} * interval '1 millisecond'
    where id = any(${chosen.map(({ id }) => id)}::uuid[]) and state = 'waiting'`;
  if (leased.count !== chosen.length) throw new Error("a locked message does not wait any more");
}

interface TemplateName {
  accountId: string | null;
  name: unknown;
  language: unknown;
}

function templateOf({ accountId, body }: Candidate): TemplateName {
  const template = (body["template"] ?? {}) as { name?: unknown; language?: { code?: unknown } };
  return { accountId, name: template.name, language: template.language?.code };
}

const templateKey = ({ accountId, name, language }: TemplateName) => JSON.stringify([accountId, name, language]);

async function readAuthenticationTemplates(tx: Transaction, chosen: readonly Candidate[]): Promise<Set<string>> {
  const wanted = chosen.filter(({ kind }) => kind === "template").map(templateOf);
  if (wanted.length === 0) return new Set();
  const rows = await tx<TemplateName[]>`
    select template.account_id as "accountId", template.name, template.language
    from json_to_recordset(${asJson(wanted)}::text::json) as wanted("accountId" text, name text, language text)
    join templates as template
      on template.account_id = wanted."accountId" and template.name = wanted.name and template.language = wanted.language
    where template.category = 'AUTHENTICATION'`;
  return new Set(rows.map(templateKey));
}

function toClaimed(candidate: Candidate, authentication: ReadonlySet<string>): ClaimedSend {
  const { id, attempt, phoneNumberId, kind, body, userId, phone } = candidate;
  const needsPhone = kind === "template" && authentication.has(templateKey(templateOf(candidate)));
  return { id, attempt, phoneNumberId, kind, body, contact: { userId, phone }, needsPhone };
}
