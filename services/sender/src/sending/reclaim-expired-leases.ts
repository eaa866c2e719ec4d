import type { Sql } from "@turno/database";
import { SETS_NOTHING_ASIDE, type SetAside } from "@turno/runtime";
import { recordOutcomes, type RecordOptions } from "./record-outcomes.ts";

const BATCH_SIZE_MAX = 256;
/** Longer than any lease: one that ends later was given by a clock that was ahead. */
const LEASE_MS_MAX = 1_200_000;

/**
 * Gives up the calls of senders that died or hang: nobody can say whether they reached Meta, so their messages become
 * unknown and are not sent again. Where such a sender comes back with its answer, that still counts. Returns how many became
 * unknown.
 */
export async function reclaimExpiredLeases(
  sql: Sql,
  options: RecordOptions,
  /** Messages that a defect follows from. The others are given up all the same. */
  setAside: SetAside = SETS_NOTHING_ASIDE,
): Promise<number> {
  const expired = await sql<{ id: string; attempt: number }[]>`
    select id, attempt from sends
    where state = 'sending' and (lease_until < (select turno_clock())
      or lease_until > (select turno_clock() + ${LEASE_MS_MAX} * interval '1 millisecond'))
      and id <> all(${[...setAside.keys]}::uuid[])
    order by lease_until limit ${BATCH_SIZE_MAX}`;
  const verdict = { kind: "unknown" as const, cause: "sender-died" };
  let unknown = 0;
  await setAside.run(
    expired.map(({ id, attempt }) => ({ id, attempt, verdict })),
    ({ id }) => id,
    async (some) => {
      if (some.length > 0) unknown += (await recordOutcomes(sql, some, options)).counts.unknown;
    },
  );
  return unknown;
}
