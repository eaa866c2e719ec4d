import { connectToDatabase, type Sql } from "@turno/database";

/** The clock of all rules in the local stack, which may run faster than the real one and never goes backwards. */
export interface LocalClock {
  /** How many times as fast as the real one. */
  readonly speed: number;
  /** How far it was ahead of the real clock at this start, ms. */
  readonly aheadMs: number;
  /** What the rules take for now, in ms since the epoch. */
  readonly now: () => number;
  /** Lets it stand still until the next start. */
  readonly stop: () => Promise<void>;
}

/** The real clock, for a database that is not the local stack's own. */
export const REAL_CLOCK: LocalClock = { speed: 1, aheadMs: 0, now: Date.now, stop: () => Promise.resolve() };

const NOTE_EVERY_MS = 1000;
/** A stack that is killed ends within this long after its last note. */
const UNNOTED_MS_MAX = 30_000;

/** What the last start left, in ms since the epoch. `runningAt` is what the database's function says now. */
export interface LeftClock {
  notedAt: number;
  runningAt: number;
  watermarkAt: number;
  speed: number;
  isRunning: boolean;
}

/**
 * Where the clock goes on. A stack that was stopped finds it where it left it; one that was killed may have used it a
 * little beyond its last note, so that much is added. It is never behind the real clock, nor behind what took effect.
 */
export function resumeAt(left: LeftClock | null, realNow: number): number {
  if (left === null) return realNow;
  const unnoted = Math.min(left.runningAt, left.notedAt + UNNOTED_MS_MAX * left.speed);
  return Math.ceil(Math.max(realNow, left.isRunning ? unnoted : left.notedAt, left.watermarkAt));
}

async function readLeft(sql: Sql): Promise<LeftClock | null> {
  await sql`create schema if not exists turno_local`;
  await sql`
    create table if not exists turno_local.clock (
      only_one boolean primary key default true check (only_one),
      noted_at timestamptz not null, speed float8 not null, is_running boolean not null)`;
  const [left] = await sql<LeftClock[]>`
    select extract(epoch from noted_at)::float8 * 1000 as "notedAt",
      extract(epoch from turno_now())::float8 * 1000 as "runningAt", speed, is_running as "isRunning",
      coalesce((select extract(epoch from max(watermark_at)) from log_positions), 0)::float8 * 1000 as "watermarkAt"
    from turno_local.clock`;
  return left ?? null;
}

const iso = (at: number) => `timestamptz ''${new Date(at).toISOString()}''`;

/** Replaces the database's one clock function: only the local stack's own database may have another one than the real. */
async function setClock(sql: Sql, clock: { rulesAt: number; realAt: number; speed: number }): Promise<void> {
  const isReal = clock.speed === 1 && clock.rulesAt <= clock.realAt;
  const moved = `${iso(clock.rulesAt)} + (turno_clock() - ${iso(clock.realAt)}) * ${clock.speed}`;
  await sql.begin(async (tx) => {
    await tx.unsafe(
      `create or replace function turno_now() returns timestamptz language sql volatile
       as 'select ${isReal ? "turno_clock()" : moved}'`,
    );
    await tx.unsafe(
      `create or replace function turno_clock_is_shifted() returns boolean language sql immutable as 'select ${!isReal}'`,
    );
    await tx`delete from turno_local.clock`;
    if (isReal) return;
    await tx`
      insert into turno_local.clock (noted_at, speed, is_running)
      values (${new Date(clock.rulesAt)}, ${clock.speed}, true)`;
  });
}

/** Lets the local database's clock go on at this speed from where the last start left it. To be called before any service runs. */
export async function startClock(databaseUrl: string, speed: number): Promise<LocalClock> {
  const sql = connectToDatabase(databaseUrl, { connectionsMax: 1, name: "turno-local-clock" });
  try {
    const left = await readLeft(sql);
    const realAt = Date.now();
    const rulesAt = resumeAt(left, realAt);
    await setClock(sql, { rulesAt, realAt, speed });
    let isNoting = false;
    const note = async () => {
      if (isNoting) return;
      isNoting = true;
      // Postgres may be away for a moment; a note that is missing is made up for at the next start.
      await sql`update turno_local.clock set noted_at = turno_now()`.catch(() => undefined);
      isNoting = false;
    };
    const timer = setInterval(() => void note(), NOTE_EVERY_MS);
    return {
      speed,
      aheadMs: rulesAt - realAt,
      now: () => rulesAt + (Date.now() - realAt) * speed,
      stop: async () => {
        clearInterval(timer);
        await sql`update turno_local.clock set noted_at = turno_now(), is_running = false`;
        await sql.end({ timeout: 1 });
      },
    };
  } catch (error) {
    await sql.end({ timeout: 1 });
    throw error;
  }
}
