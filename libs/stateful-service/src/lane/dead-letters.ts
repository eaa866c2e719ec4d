import type { CommandAnswer, CommandRequest } from "@turno/contracts";
import {
  OF_NO_GROUP,
  refuse,
  refuseUnpermitted,
  toStorableText,
  type Refusal,
  type Unreadable,
} from "@turno/conversation";
import {
  and,
  asJson,
  count,
  desc,
  eq,
  expression,
  gt,
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

/** Sets lines aside, each once, whatever they hold. */
export async function insertDeadLetters(
  tx: Transaction,
  letters: readonly NewDeadLetter[],
  createId: () => string,
): Promise<void> {
  if (letters.length === 0) return;
  const rows = letters.map(({ key, cause, field, line }) => ({
    id: createId(),
    key: toStorableText(deadLetterKey({ key, line })),
    cause: toStorableText(cause),
    field: toStorableText(field),
    line: toStorableText(line),
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
      return listDeadLetters(sql, request);
    },
    "discard-dead-letter": async (request) => {
      const refusal = await refuseAsker(sql, request);
      if (refusal !== null) return refusal;
      const deleted = await typed(sql).delete(deadLetters).where(eq(deadLetters.id, request.id));
      return deleted.count === 0 ? refuseUnknownLetter(request.id) : { id: request.id };
    },
  };
}

const CAUSES_MAX = 50;
const LINE_LENGTH_MAX = 4_000;

async function listDeadLetters(
  sql: Sql,
  { cause: named, after, limit }: CommandRequest<"list-dead-letters">,
): Promise<CommandAnswer<"list-dead-letters">> {
  const { id, key, cause, field, setAsideAt } = deadLetters;
  const line = expression<string>`left(${deadLetters.line}, ${LINE_LENGTH_MAX})`;
  const isNamed = named === undefined ? undefined : expression`starts_with(${cause}, ${named})`;
  const [counts, causes, rows] = await Promise.all([
    typed(sql).select({ total: count() }).from(deadLetters).where(isNamed),
    typed(sql)
      .select({ cause, count: count() })
      .from(deadLetters)
      .groupBy(cause)
      .orderBy(desc(count()))
      .limit(CAUSES_MAX),
    typed(sql)
      .select({ id, key, cause, field, setAsideAt, line })
      .from(deadLetters)
      .where(and(isNamed, after === undefined ? undefined : gt(id, after)))
      .orderBy(id)
      .limit(limit),
  ]);
  const listed = rows.map((row) => ({ ...row, setAsideAt: row.setAsideAt.toISOString() }));
  const next = rows.length < limit ? null : (rows.at(-1)?.id ?? null);
  return { total: counts[0]?.total ?? 0, causes, deadLetters: listed, next };
}

export function refuseUnknownLetter(id: string): Refusal {
  return refuse("not-found", `There is no dead letter ${id}; it may have been retried or discarded.`);
}
