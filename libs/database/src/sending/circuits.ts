import type { CommandAnswer, CommandRequest } from "@turno/contracts";
import { refuse, type Refusal } from "@turno/conversation";
import { isRefusal, readAsker } from "../assignment/asker.ts";
import type { Sql, Transaction } from "../connection.ts";
import { SENDS_CHANNEL } from "../session/write-send.ts";

type Actor = CommandRequest<"list-circuits">["actor"];

/** Where sending is stopped, and why: the longest stopped first. For operators and admins. */
export async function listCircuits(
  sql: Sql,
  request: CommandRequest<"list-circuits">,
): Promise<CommandAnswer<"list-circuits"> | Refusal> {
  const refusal = await refuseAgent(sql, request.actor);
  if (refusal !== null) return refusal;
  const circuits = await readCircuits(sql);
  return { circuits: circuits.map((circuit) => ({ ...circuit, openedAt: circuit.openedAt.toISOString() })) };
}

export interface Circuit {
  scope: "token" | "account" | "number";
  key: string;
  code: number;
  reason: string;
  openedAt: Date;
}

export async function readCircuits(sql: Sql): Promise<Circuit[]> {
  return sql<Circuit[]>`
    select scope, key, code, reason, opened_at as "openedAt" from circuits order by opened_at, scope, key`;
}

/** Lets sending go on: what waited for the circuit is due at once. For operators and admins. */
export async function resetCircuit(
  sql: Sql,
  request: CommandRequest<"reset-circuit">,
): Promise<CommandAnswer<"reset-circuit"> | Refusal> {
  const { scope, key } = request;
  return sql.begin(async (tx) => {
    const refusal = await refuseAgent(tx, request.actor);
    if (refusal !== null) return refusal;
    const deleted = await tx`delete from circuits where scope = ${scope} and key = ${key}`;
    if (deleted.count === 0) return refuse("not-found", `No circuit of the ${scope} ${key} is open.`);
    await tx`select pg_notify(${SENDS_CHANNEL}, '')`;
    return { scope, key };
  });
}

async function refuseAgent(sql: Sql | Transaction, actor: Actor): Promise<Refusal | null> {
  const asker = await readAsker(sql, actor);
  if (isRefusal(asker)) return asker;
  if (asker.kind === "service" || asker.role !== "agent") return null;
  return refuse("not-permitted", "Only an operator or an admin may see and reset where sending is stopped.");
}
