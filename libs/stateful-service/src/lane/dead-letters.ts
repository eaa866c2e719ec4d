import { OF_NO_GROUP, refuse, refuseUnpermitted, type Refusal, type Unreadable } from "@turno/conversation";
import {
  asJson,
  count,
  eq,
  isDataFault,
  isRefusal,
  readAsker,
  typed,
  type Sql,
  type Transaction,
} from "@turno/database";
import { deadLetters } from "@turno/database/schema";
import type { CommandHandlers } from "@turno/messaging";
import { createHash } from "node:crypto";

export type NewDeadLetter = Omit<Unreadable, "kind">;

const DEFECT_CAUSE = "defect";

/** Says in a dead letter why a line was set aside. Of a defect the log says more, because its words may hold the customer's. */
export function deadLetterCause(error: unknown): string {
  return isDataFault(error) ? `refused-by-database: ${(error as Error).message}` : DEFECT_CAUSE;
}

/** A line without a dedupe key is known by its text. */
export const deadLetterKey = ({ key, line }: Pick<NewDeadLetter, "key" | "line">) =>
  key ?? `line:${createHash("sha256").update(line).digest("hex")}`;

/** Sets lines aside, each once. */
export async function insertDeadLetters(
  tx: Transaction,
  letters: readonly NewDeadLetter[],
  createId: () => string,
): Promise<void> {
  if (letters.length === 0) return;
  const rows = letters.map(({ key, cause, field, line }) => ({
    id: createId(),
    key: deadLetterKey({ key, line }),
    cause,
    field,
    line,
  }));
  await tx`
    insert into dead_letters (id, key, cause, field, line, set_aside_at)
    select id, key, cause, field, line, turno_now()
    from json_to_recordset(${asJson(rows)}::text::json) as letter(id uuid, key text, cause text, field text, line text)
    on conflict do nothing`;
}

/** A query leaves only when it is awaited: this one leaves when it is called. */
export async function deleteDeadLetter(tx: Transaction, id: string): Promise<void> {
  await tx`delete from dead_letters where id = ${id}`;
}

/** Refuses who is no admin. */
export async function refuseAsker(
  sql: Sql,
  request: { actor: Parameters<typeof readAsker>[1] },
): Promise<Refusal | null> {
  const asker = await readAsker(sql, request.actor);
  return isRefusal(asker) ? asker : refuseUnpermitted(asker, "dead-letters", OF_NO_GROUP);
}

/** Lists updates that were set aside, oldest first, and discards one for good. */
export function createDeadLetterCommands(
  sql: Sql,
): Required<Pick<CommandHandlers, "list-dead-letters" | "discard-dead-letter">> {
  return {
    "list-dead-letters": async (request) => {
      const refusal = await refuseAsker(sql, request);
      if (refusal !== null) return refusal;
      const { id, key, cause, field, setAsideAt } = deadLetters;
      const [counts, rows] = await Promise.all([
        typed(sql).select({ total: count() }).from(deadLetters),
        typed(sql).select({ id, key, cause, field, setAsideAt }).from(deadLetters).orderBy(id).limit(request.limit),
      ]);
      const listed = rows.map((row) => ({ ...row, setAsideAt: row.setAsideAt.toISOString() }));
      return { total: counts[0]?.total ?? 0, deadLetters: listed };
    },
    "discard-dead-letter": async (request) => {
      const refusal = await refuseAsker(sql, request);
      if (refusal !== null) return refusal;
      const deleted = await typed(sql).delete(deadLetters).where(eq(deadLetters.id, request.id));
      return deleted.count === 0 ? refuseUnknownLetter(request.id) : { id: request.id };
    },
  };
}

export function refuseUnknownLetter(id: string): Refusal {
  return refuse("not-found", `There is no dead letter ${id}; it may have been retried or discarded.`);
}
