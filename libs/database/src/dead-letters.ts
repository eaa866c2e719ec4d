import type { CommandAnswer, CommandRequest } from "@turno/contracts";
import { refuse, refuseUnlessAdmin, type Refusal } from "@turno/conversation";
import { deadLetters } from "../schema/index.ts";
import { isRefusal, readAsker } from "./asker.ts";
import type { Sql } from "./connection.ts";
import { count, eq } from "./drizzle.ts";
import { isDataFault } from "./failure.ts";
import { typed } from "./typed.ts";

const DEFECT_CAUSE = "defect";

/** Says in a dead letter why a line was set aside. Of a defect the log says more, because its words may hold the customer's. */
export function deadLetterCause(error: unknown): string {
  return isDataFault(error) ? `refused-by-database: ${(error as Error).message}` : DEFECT_CAUSE;
}

async function refuseAsker(sql: Sql, request: { actor: CommandRequest<"list-dead-letters">["actor"] }) {
  const asker = await readAsker(sql, request.actor);
  return isRefusal(asker) ? asker : refuseUnlessAdmin(asker);
}

const LISTED = {
  id: deadLetters.id,
  key: deadLetters.key,
  cause: deadLetters.cause,
  field: deadLetters.field,
  setAsideAt: deadLetters.setAsideAt,
};

/** Updates that were set aside, oldest first. */
export async function listDeadLetters(
  sql: Sql,
  request: CommandRequest<"list-dead-letters">,
): Promise<CommandAnswer<"list-dead-letters"> | Refusal> {
  const refusal = await refuseAsker(sql, request);
  if (refusal !== null) return refusal;
  const [counts, rows] = await Promise.all([
    typed(sql).select({ total: count() }).from(deadLetters),
    typed(sql).select(LISTED).from(deadLetters).orderBy(deadLetters.id).limit(request.limit),
  ]);
  return {
    total: counts[0]?.total ?? 0,
    deadLetters: rows.map((row) => ({ ...row, setAsideAt: row.setAsideAt.toISOString() })),
  };
}

/** Returns the line of a dead letter, for an admin who has it tried again. */
export async function readDeadLetter(
  sql: Sql,
  request: CommandRequest<"retry-dead-letter">,
): Promise<{ line: string } | Refusal> {
  const refusal = await refuseAsker(sql, request);
  if (refusal !== null) return refusal;
  const [letter] = await typed(sql)
    .select({ line: deadLetters.line })
    .from(deadLetters)
    .where(eq(deadLetters.id, request.id));
  return letter ?? refuseUnknown(request.id);
}

/** Gives up an update that was set aside. */
export async function discardDeadLetter(
  sql: Sql,
  request: CommandRequest<"discard-dead-letter">,
): Promise<CommandAnswer<"discard-dead-letter"> | Refusal> {
  const refusal = await refuseAsker(sql, request);
  if (refusal !== null) return refusal;
  const deleted = await typed(sql).delete(deadLetters).where(eq(deadLetters.id, request.id));
  return deleted.count === 0 ? refuseUnknown(request.id) : { id: request.id };
}

function refuseUnknown(id: string): Refusal {
  return refuse("not-found", `There is no dead letter ${id}; it may have been retried or discarded.`);
}
