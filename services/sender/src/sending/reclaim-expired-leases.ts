import type { Sql } from "@turno/database";
import { recordOutcomes, type RecordedOutcomes, type RecordOptions } from "./record-outcomes.ts";

const BATCH_SIZE_MAX = 256;
/** Longer than any lease: one that ends later was given by a clock that was ahead. */
const LEASE_MS_MAX = 1_200_000;

/**
 * Gives up the calls of senders that died or hang: nobody can say whether they reached Meta, so their messages become
 * unknown and are not sent again. Where such a sender comes back with its answer, that still counts. Null where there was
 * nothing to give up.
 */
export async function reclaimExpiredLeases(sql: Sql, options: RecordOptions): Promise<RecordedOutcomes | null> {
  const expired = await sql<{ id: string; attempt: number }[]>`
    select id, attempt from sends
    where state = 'sending' and (lease_until < (select turno_clock())
      or lease_until > (select turno_clock() + ${LEASE_MS_MAX} * interval '1 millisecond'))
    order by lease_until limit ${BATCH_SIZE_MAX}`;
  if (expired.length === 0) return null;
  const verdict = { kind: "unknown" as const, cause: "sender-died" };
  return recordOutcomes(
    sql,
    expired.map(({ id, attempt }) => ({ id, attempt, verdict })),
    options,
  );
}
