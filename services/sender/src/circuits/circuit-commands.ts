import type { CommandAnswer, CommandRequest } from "@turno/contracts";
import { isPermitted, OF_NO_GROUP, refuse, refuseUnpermitted, type Refusal, type Subject } from "@turno/conversation";
import {
  and,
  eq,
  expression,
  isRefusal,
  readAsker,
  SENDS_WAKE_UP,
  typed,
  type RowOf,
  type Sql,
  type Transaction,
} from "@turno/database";
import { channels, circuits } from "@turno/database/schema";

const CIRCUIT_COLUMNS = {
  scope: circuits.scope,
  key: circuits.key,
  code: circuits.code,
  reason: circuits.reason,
  openedAt: circuits.openedAt,
  tries: circuits.tries,
  nextTryAt: expression<Date>`turno_now() + greatest(${circuits.tryAt} - turno_clock(), interval '0')`,
  /** Groups of the channels that it covers; none for a token, which covers all. */
  groupIds: expression<string[]>`array(
    select distinct ${channels.groupId} from ${channels}
    where (${circuits.scope} = 'number' and ${channels.phoneNumberId} = ${circuits.key})
      or (${circuits.scope} in ('account', 'templates')
        and coalesce(${channels.accountId}, ${channels.phoneNumberId}) = ${circuits.key})
  )`,
};

export type Circuit = RowOf<typeof CIRCUIT_COLUMNS>;

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
  const open = await readCircuits(sql);
  const seen = open.filter((circuit) => isPermitted(asker, "list-circuits", subjectOf(circuit)));
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
  return typed(sql)
    .select(CIRCUIT_COLUMNS)
    .from(circuits)
    .where(eq(circuits.state, "open"))
    .orderBy(circuits.openedAt, circuits.scope, circuits.key);
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
    await typed(tx)
      .update(circuits)
      .set({ state: "closed", closedAt: expression`turno_now()` })
      .where(and(eq(circuits.scope, scope), eq(circuits.key, key), eq(circuits.state, "open")));
    await tx`select pg_notify(${SENDS_WAKE_UP}, '')`;
    return { scope, key };
  });
}

const subjectOf = ({ scope, groupIds }: Pick<Circuit, "scope" | "groupIds">): Subject => ({
  agentIds: [],
  groupIds: scope === "token" ? null : groupIds,
});
