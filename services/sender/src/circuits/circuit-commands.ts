import type { CommandAnswer, CommandRequest } from "@turno/contracts";
import {
  isPermitted,
  OF_NO_GROUP,
  refuse,
  refuseUnpermitted,
  type CircuitScope,
  type Refusal,
  type Subject,
} from "@turno/conversation";
import { isRefusal, readAsker, SENDS_WAKE_UP, type Sql, type Transaction } from "@turno/database";

export interface Circuit {
  scope: CircuitScope;
  key: string;
  code: number;
  reason: string;
  openedAt: Date;
  tries: number;
  nextTryAt: Date;
  /** The groups of the channels that it covers; none for a token, which covers all. */
  groupIds: string[];
}

/**
 * Lists the open circuits and their causes, the oldest first. An operator sees those that concern a group of its own.
 */
export async function listCircuits(
  sql: Sql,
  request: CommandRequest<"list-circuits">,
): Promise<CommandAnswer<"list-circuits"> | Refusal> {
  const asker = await readAsker(sql, request.actor);
  if (isRefusal(asker)) return asker;
  const denied = refuseUnpermitted(asker, "list-circuits", OF_NO_GROUP);
  if (denied !== null) return denied;
  const circuits = await readCircuits(sql);
  const seen = circuits.filter((circuit) => isPermitted(asker, "list-circuits", subjectOf(circuit)));
  return {
    circuits: seen.map(({ scope, key, code, reason, openedAt, tries, nextTryAt }) => ({
      scope,
      key,
      code,
      reason,
      tries,
      openedAt: openedAt.toISOString(),
      nextTryAt: nextTryAt.toISOString(),
    })),
  };
}

/** Reads the circuits that are open. */
export async function readCircuits(sql: Sql | Transaction): Promise<Circuit[]> {
  return sql<Circuit[]>`
    select scope, key, code, reason, opened_at as "openedAt", tries,
      turno_now() + greatest(try_at - turno_clock(), interval '0') as "nextTryAt",
      array(
        select distinct group_id from channels
        where (scope = 'number' and phone_number_id = key)
          or (scope in ('account', 'templates') and coalesce(account_id, phone_number_id) = key)
      ) as "groupIds"
    from circuits where state = 'open' order by opened_at, scope, key`;
}

/**
 * Closes a circuit: what waited is due at once. An admin may close a token's, operators those of a number or account of
 * their groups.
 */
export async function resetCircuit(
  sql: Sql,
  request: CommandRequest<"reset-circuit">,
): Promise<CommandAnswer<"reset-circuit"> | Refusal> {
  const { scope, key } = request;
  return sql.begin(async (tx) => {
    const asker = await readAsker(tx, request.actor);
    if (isRefusal(asker)) return asker;
    const circuit = (await readCircuits(tx)).find((one) => one.scope === scope && one.key === key);
    const act = scope === "token" ? "reset-token" : "reset-circuit";
    const denied = refuseUnpermitted(asker, act, subjectOf(circuit ?? { scope, groupIds: [] }));
    if (denied !== null) return denied;
    if (circuit === undefined) return refuse("not-found", `Nothing stops the ${scope} ${key}.`);
    await tx`
      update circuits set state = 'closed', closed_at = turno_now()
      where scope = ${scope} and key = ${key} and state = 'open'`;
    await tx`select pg_notify(${SENDS_WAKE_UP}, '')`;
    return { scope, key };
  });
}

const subjectOf = ({ scope, groupIds }: Pick<Circuit, "scope" | "groupIds">): Subject => ({
  agentIds: [],
  groupIds: scope === "token" ? null : groupIds,
});
