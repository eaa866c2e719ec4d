import type { CommandAnswer, CommandRequest } from "@turno/contracts";
import { refuse, refuseUnlessAdmin, type Refusal } from "@turno/conversation";
import { isRefusal, readAsker } from "./asker.ts";
import type { Sql } from "./connection.ts";
import { isDataFault } from "./failure.ts";

const DEFECT_CAUSE = "defect";

/**
 * Returns the cause to write into a dead letter. For a defect the log says more, because its words may hold the
 * customer's.
 */
export function deadLetterCause(error: unknown): string {
  return isDataFault(error) ? `refused-by-database: ${(error as Error).message}` : DEFECT_CAUSE;
}

async function refuseAsker(sql: Sql, request: { actor: CommandRequest<"list-dead-letters">["actor"] }) {
  const asker = await readAsker(sql, request.actor);
  return isRefusal(asker) ? asker : refuseUnlessAdmin(asker);
}

/** Lists the updates that were set aside, oldest first. */
export async function listDeadLetters(
  sql: Sql,
  request: CommandRequest<"list-dead-letters">,
): Promise<CommandAnswer<"list-dead-letters"> | Refusal> {
  const refusal = await refuseAsker(sql, request);
  if (refusal !== null) return refusal;
  const [counts, rows] = await Promise.all([
    sql<{ total: number }[]>`select count(*)::int as total from dead_letters`,
    sql<{ id: string; key: string; cause: string; field: string; setAsideAt: Date }[]>`
      select id, key, cause, field, set_aside_at as "setAsideAt" from dead_letters order by id limit ${request.limit}`,
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
  const [letter] = await sql<{ line: string }[]>`select line from dead_letters where id = ${request.id}`;
  return letter === undefined ? refuseUnknown(request.id) : { line: letter.line };
}

/** Gives up an update that was set aside. */
export async function discardDeadLetter(
  sql: Sql,
  request: CommandRequest<"discard-dead-letter">,
): Promise<CommandAnswer<"discard-dead-letter"> | Refusal> {
  const refusal = await refuseAsker(sql, request);
  if (refusal !== null) return refusal;
  const deleted = await sql`delete from dead_letters where id = ${request.id}`;
  return deleted.count === 0 ? refuseUnknown(request.id) : { id: request.id };
}

function refuseUnknown(id: string): Refusal {
  return refuse("not-found", `There is no dead letter ${id}; it may have been retried or discarded.`);
}
