import type { Stage } from "./stage.ts";

/** Moves the rules' clock of a test's own database ahead of the real one. Only a test or demo database may do this. */
export async function shiftClock(stage: Pick<Stage, "sql">, aheadMs: number): Promise<void> {
  await stage.sql.unsafe(
    `create or replace function turno_now() returns timestamptz language sql volatile
     as 'select turno_clock() + interval ''${Math.round(aheadMs)} milliseconds''';
     create or replace function turno_clock_is_shifted() returns boolean language sql immutable as 'select true'`,
  );
}

/** Sets the clock of a test's own database, as an administrator or a time server does by mistake: nothing says so. */
export async function setClock(stage: Pick<Stage, "sql">, aheadMs: number): Promise<void> {
  await stage.sql.unsafe(
    `create or replace function turno_clock() returns timestamptz language sql volatile
     as 'select clock_timestamp() + interval ''${Math.round(aheadMs)} milliseconds'''`,
  );
}
