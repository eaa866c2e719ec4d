import type { Stage } from "./stage.ts";

/** Moves the rules' clock of a test's own database ahead of the real one. Only a test or demo database may do this. */
export async function shiftClock(stage: Stage, aheadMs: number): Promise<void> {
  await stage.sql.unsafe(
    `create or replace function turno_now() returns timestamptz language sql volatile
     as 'select clock_timestamp() + interval ''${Math.round(aheadMs)} milliseconds'''`,
  );
}
