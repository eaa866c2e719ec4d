import type { Sql } from "@turno/database";
import type { CommandHandlers } from "@turno/messaging";
import type { LaneBatch, LaneItem, LaneUpdate, WithoutEffect } from "./apply-lines.ts";
import { deadLetterKey, refuseUnknownLetter, refuseAsker } from "./dead-letters.ts";

type Retry = NonNullable<CommandHandlers["retry-dead-letter"]>;
type Answer = Awaited<ReturnType<Retry>>;

/**
 * Tries a dead letter again, for an admin, in one transaction: it takes effect, or it is set aside again with its cause.
 * Each reader tries its own; what becomes of another one's, `passOn` says.
 */
export async function retryDeadLetter<U extends LaneUpdate>(
  sql: Sql,
  request: Parameters<Retry>[0],
  reader: {
    isOwn(line: string): boolean;
    passOn(): Answer | Promise<Answer>;
    read(line: string): LaneItem<U>;
    apply(batch: Omit<LaneBatch<U>, "createId">): Promise<WithoutEffect>;
    onDefect: (error: unknown) => void;
  },
): Promise<Answer> {
  const { id } = request;
  const refusal = await refuseAsker(sql, request);
  if (refusal !== null) return refusal;
  const [letter] = await sql<{ line: string }[]>`select line from dead_letters where id = ${id}`;
  if (letter === undefined) return refuseUnknownLetter(id);
  if (!reader.isOwn(letter.line)) return reader.passOn();
  const item = reader.read(letter.line);
  await reader.apply({ reader: null, moves: [], items: [item], retriedId: id, onDefect: reader.onDefect });
  const [again] = await sql<{ cause: string }[]>`select cause from dead_letters where key = ${deadLetterKey(item)}`;
  return { id, applied: again === undefined, cause: again?.cause ?? null };
}
