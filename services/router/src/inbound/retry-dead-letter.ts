import type { CommandAnswer, CommandRequest } from "@turno/contracts";
import type { Refusal } from "@turno/conversation";
import { eq, isRefusal, readDeadLetter, typed, type Sql } from "@turno/database";
import { deadLetters } from "@turno/database/schema";
import { applyInbound, type InboundItem, type InboundOutcome } from "./apply-inbound.ts";

/** Retries a dead letter in one transaction: it takes effect, or it is set aside again with its cause. */
export async function retryDeadLetter(
  sql: Sql,
  request: CommandRequest<"retry-dead-letter">,
  how: { readLine: (line: string) => InboundItem; createId: () => string; onDefect: (error: unknown) => void },
): Promise<{ answer: CommandAnswer<"retry-dead-letter">; outcome: InboundOutcome } | Refusal> {
  const letter = await readDeadLetter(sql, request);
  if (isRefusal(letter)) return letter;
  const { createId, onDefect } = how;
  const item = how.readLine(letter.line);
  const batch = { reader: null, moves: [], items: [item], createId, onDefect, retriedId: request.id };
  const outcome = await applyInbound(sql, batch);
  const [again] = await typed(sql)
    .select({ cause: deadLetters.cause })
    .from(deadLetters)
    .where(eq(deadLetters.key, item.key));
  return { answer: { id: request.id, applied: again === undefined, cause: again?.cause ?? null }, outcome };
}
