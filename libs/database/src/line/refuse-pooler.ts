import type Driver from "postgres";
import { Failure } from "@turno/runtime";
import { SESSION_SETTINGS } from "../session-settings.ts";
import { postgres } from "./driver.ts";

/**
 * Something between the services and Postgres takes away what they rely on: their own sessions, with their settings.
 */
export class PoolerFailure extends Failure {
  override readonly retryable = false;
}

const ROUNDS = 5;
const PROBE = "plan_cache_mode";
const PROTOCOL_VIOLATION = "08P01";
const ADVICE =
  "Turno needs sessions of its own (locks, LISTEN, settings): let DATABASE_URL lead to Postgres itself, " +
  "or to a pooler in session mode that passes startup parameters on";

/**
 * Throws a `PoolerFailure` if DATABASE_URL leads to a pooler that shares sessions between its clients, or drops their
 * settings. Two clients that are connected at once and speak alternately must each meet one session, and never the
 * same.
 */
export async function refusePooler(url: string): Promise<void> {
  const connect = () =>
    postgres(url, {
      max: 1,
      onnotice: () => undefined,
      connect_timeout: 5,
      fetch_types: false,
      prepare: false,
      connection: { application_name: "turno-check", ...SESSION_SETTINGS, statement_timeout: 5_000 },
    });
  const clients = [connect(), connect()];
  try {
    const seen = clients.map(() => new Set<number>());
    for (let round = 0; round < ROUNDS; round++) {
      for (const [index, sql] of clients.entries()) seen[index]?.add(await readSession(sql));
    }
    const all = new Set(seen.flatMap((pids) => [...pids]));
    if (all.size === clients.length && seen.every((pids) => pids.size === 1)) return;
    throw new PoolerFailure(`DATABASE_URL leads to a pooler that shares sessions between its clients. ${ADVICE}`);
  } catch (error) {
    if (!(error instanceof postgres.PostgresError) || error.code !== PROTOCOL_VIOLATION) throw error;
    throw new PoolerFailure(`DATABASE_URL leads to a pooler that says "${error.message}". ${ADVICE}`, { cause: error });
  } finally {
    await Promise.all(clients.map((sql) => sql.end({ timeout: 1 })));
  }
}

/** Returns the number of the session that answers. Throws if it lacks the settings that were asked for. */
async function readSession(sql: Driver.Sql): Promise<number> {
  // By the simple protocol, which every pooler speaks.
  const [row] = await sql
    .unsafe<{ pid: number; setting: string }[]>(
      `select pg_backend_pid() as pid, current_setting('${PROBE}') as setting`,
    )
    .simple();
  if (row?.setting === SESSION_SETTINGS[PROBE]) return row.pid;
  throw new PoolerFailure(`DATABASE_URL leads to a pooler that drops the sessions' settings (${PROBE}). ${ADVICE}`);
}
