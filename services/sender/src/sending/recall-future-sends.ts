import type { Sql } from "@turno/database";

/** A clock that is set to the second steps back by less. */
const STEP_BACK_MS_MIN = 30_000;

/**
 * Makes messages due that a fast clock put off: each was changed in the future. Otherwise they would wait for as long
 * as the clock was set back. Returns how many there were.
 */
export async function recallFutureSends(sql: Sql): Promise<number> {
  const recalled = await sql`
    update sends set due_at = turno_now(), changed_at = turno_now()
    where state = 'waiting' and due_at > (select turno_now())
      and changed_at > (select turno_now() + ${STEP_BACK_MS_MIN} * interval '1 millisecond')`;
  return recalled.count;
}
