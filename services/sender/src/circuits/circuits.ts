import type { CircuitScope, TryWaits } from "@turno/conversation";
import { asJson, SENDS_WAKE_UP, type Fragment, type Sql, type Transaction } from "@turno/database";
import { tokenKeyOf } from "../tokens/own-token.ts";

/** A circuit that was opened, or that a message closed by going through. */
export interface CircuitChange {
  to: "open" | "closed";
  scope: CircuitScope;
  key: string;
  code: number;
  reason: string;
}

interface Opening {
  scope: CircuitScope;
  key: string;
  code: number;
  reason: string;
  openedAt: Date;
  sendId: string;
}

/**
 * Opens circuits, and returns those that were not open. A refusal from before the last closing opens nothing, because
 * Meta resends statuses for days. An open circuit keeps its cause, because what follows from it would only hide it;
 * only a message that tried it brings a newer cause.
 */
export async function openCircuits(
  tx: Transaction,
  openings: readonly Opening[],
  { firstMs }: TryWaits,
): Promise<CircuitChange[]> {
  if (openings.length === 0) return [];
  const rows = asJson(openings);
  await tx`
    update circuits set code = tried.code, reason = tried.reason
    from json_to_recordset(${rows}::text::json) as tried(scope text, key text, code int, reason text, "sendId" uuid)
    where circuits.scope = tried.scope and circuits.key = tried.key and circuits.state = 'open'
      and circuits.try_send_id = tried."sendId"`;
  // A clock that was set back would leave a closing that nothing is newer than.
  return tx<CircuitChange[]>`
    insert into circuits (scope, key, state, code, reason, opened_at, try_at)
    select distinct on (scope, key) scope, key, 'open', code, reason, "openedAt",
      turno_clock() + ${firstMs} * interval '1 millisecond'
    from json_to_recordset(${rows}::text::json) as opened(
      scope text, key text, code int, reason text, "openedAt" timestamptz)
    order by scope, key, "openedAt" desc
    on conflict (scope, key) do update set state = 'open', code = excluded.code, reason = excluded.reason,
      opened_at = excluded.opened_at, try_at = excluded.try_at, tries = 0, try_send_id = null
    where circuits.state = 'closed'
      and (excluded.opened_at > circuits.closed_at or circuits.closed_at > turno_now())
    returning 'open' as "to", scope, key, code, reason`;
}

/** Closes the circuits that these messages tried. Everything that waited is due, so every sender is woken. */
export async function closeCircuits(tx: Transaction, sendIds: readonly string[]): Promise<CircuitChange[]> {
  if (sendIds.length === 0) return [];
  const closed = await tx<CircuitChange[]>`
    update circuits set state = 'closed', closed_at = turno_now()
    where state = 'open' and try_send_id = any(${[...sendIds]}::uuid[])
    returning 'closed' as "to", scope, key, code, reason`;
  if (closed.length > 0) await tx`select pg_notify(${SENDS_WAKE_UP}, '')`;
  return closed;
}

/**
 * The condition that a circuit's next try is still to come. One further off than any wait was written by a fast clock.
 */
export function holds(sql: Sql | Transaction, horizonMs: number) {
  return sql`(try_at > turno_clock() and try_at <= turno_clock() + ${horizonMs} * interval '1 millisecond')`;
}

/** The condition that a circuit covers a message of `channel`; `tokenKey` names the token of what has none of its own. */
export function covers(sql: Sql | Transaction, tokenKey: string | null, isTemplate: Fragment) {
  return sql`(
    (scope = 'token' and key = ${tokenKeyOf(sql, tokenKey)})
    or (scope = 'number' and key = channel.phone_number_id)
    or (scope = 'account' and key = channel.account_id)
    or (scope = 'templates' and key = coalesce(channel.account_id, channel.phone_number_id) and ${isTemplate}))`;
}

/** An open circuit with a try that is due, its row locked for this transaction's try. */
export interface DueTry {
  name: string;
  tries: number;
}

/**
 * Locks the circuits with a try that is due, by name. Of two senders at once the second finds, when the first has
 * committed, that the next try is not due: so exactly one message tries.
 */
export async function lockDueTries(
  tx: Transaction,
  names: readonly string[],
  horizonMs: number,
): Promise<Map<string, DueTry>> {
  if (names.length === 0) return new Map();
  const rows = await tx<DueTry[]>`
    select scope || ':' || key as name, tries from circuits
    where scope || ':' || key = any(${[...names]}::text[]) and state = 'open' and not ${holds(tx, horizonMs)}
    order by scope, key for no key update`;
  return new Map(rows.map((row) => [row.name, row]));
}

/** Notes which message tries which circuits, and when the next one may. */
export async function writeTries(
  tx: Transaction,
  tries: readonly { name: string; sendId: string; waitMs: number }[],
): Promise<void> {
  if (tries.length === 0) return;
  await tx`
    update circuits set tries = tries + 1, try_send_id = tried."sendId",
      try_at = turno_clock() + tried."waitMs" * interval '1 millisecond'
    from json_to_recordset(${asJson(tries)}::text::json) as tried(name text, "sendId" uuid, "waitMs" float8)
    where circuits.scope || ':' || circuits.key = tried.name`;
}
