import { endFailedOpenings, type LockedSend, type Settlement } from "@turno/conversation";
import type { Transaction } from "@turno/database";

/**
 * Ends the conversations whose opening template failed, and notes which other template takes over, if one has not
 * failed.
 */
export async function failOpenings(tx: Transaction, settlement: Settlement, createId: () => string): Promise<void> {
  if (settlement.failedOpenings.length === 0) return;
  const heirs = await readHeirs(tx, settlement.failedOpenings);
  const handedOver = endFailedOpenings(settlement, heirs, createId);
  if (handedOver.length > 0) await tx`update sends set is_opening = true where id = any(${handedOver}::uuid[])`;
}

/** Reads the conversations' other templates that have not failed, oldest first. */
async function readHeirs(tx: Transaction, failed: readonly LockedSend[]): Promise<Map<string, string[]>> {
  const rows = await tx<{ conversationId: string; ids: string[] }[]>`
    select conversation_id as "conversationId", array_agg(id order by ordinal) as ids from sends
    where conversation_id = any(${failed.map(({ conversationId }) => conversationId)}::uuid[])
      and kind = 'template' and state <> 'failed' and id <> all(${failed.map(({ id }) => id)}::uuid[])
    group by conversation_id`;
  return new Map(rows.map(({ conversationId, ids }) => [conversationId, ids]));
}
