import { soundCheck, wrongCheck, type Check } from "@turno/contracts";
import { clockDoubt } from "@turno/conversation";
import { checkSchema, openSession, SchemaBehindFailure, SchemaFailure } from "./check-schema.ts";
import { PoolerFailure } from "./line/refuse-pooler.ts";

/** The oldest Postgres with `transaction_timeout`, which ends the transactions of a client that hangs. */
const POSTGRES_MIN = 17;
const TOLERANCE_MS = 5_000;

/** What a database's server says of itself, with the host's clock around it; in milliseconds. */
export interface ServerReading {
  /** Such as `18.1`. */
  version: string;
  hostFrom: number;
  database: number;
  hostTo: number;
}

/**
 * Looks at the database that an address leads to, by sessions of its own, as a service does when it starts: whether it is
 * reached directly, has this release's schema, is new enough, and has the host's time. A fault is a check and no error.
 */
export async function examineDatabase(url: string): Promise<Check[]> {
  const failure = await checkSchema(url).then(
    () => null,
    (error: unknown) => error,
  );
  const schema = judgeSchema(failure);
  const isReached = failure === null || failure instanceof SchemaBehindFailure || failure instanceof SchemaFailure;
  if (!isReached) return schema;
  try {
    return [...schema, ...judgeServer(await readServer(url))];
  } catch (error) {
    return [...schema, ...judgeSchema(error)];
  }
}

async function readServer(url: string): Promise<ServerReading> {
  const sql = openSession(url);
  try {
    // The first statement opens the connection, which is no part of the clock's look.
    const [row] = await sql<{ version: string }[]>`select current_setting('server_version') as version`;
    const hostFrom = Date.now();
    const [clock] = await sql<{ now: number }[]>`select extract(epoch from clock_timestamp())::float8 * 1000 as now`;
    if (row === undefined || clock === undefined) throw new Error("the server's settings returned no row");
    return { version: row.version, hostFrom, database: clock.now, hostTo: Date.now() };
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** Judges what looking at the schema came to; null where nothing was wrong. */
export function judgeSchema(failure: unknown): Check[] {
  const direct = soundCheck("database-direct", "the database is reached without a pooler that shares sessions");
  if (failure === null) return [direct, soundCheck("migrations", "the database has every migration of this release")];
  // Node's error of several addresses has no message of its own.
  const said = failure instanceof Error ? failure.message || failure.name : "no reason given";
  if (failure instanceof PoolerFailure) {
    return [
      wrongCheck("database-direct", "the way to the database", {
        wrong: said,
        advice: "Set this service's DATABASE_URL to the address of Postgres itself.",
      }),
    ];
  }
  if (failure instanceof SchemaBehindFailure || failure instanceof SchemaFailure) {
    const advice =
      failure instanceof SchemaFailure
        ? "Run the release of Turno that the database belongs to, or give DATABASE_URL a database of its own."
        : "Run the migrator of this release; the services wait for it and go on by themselves.";
    return [direct, wrongCheck("migrations", "the database's migrations", { wrong: said, advice })];
  }
  return [
    wrongCheck("database", "the way to the database", {
      wrong: `it cannot be asked: ${said}`,
      advice: "Look whether Postgres runs and DATABASE_URL leads to it with this service's own password.",
    }),
  ];
}

/** Judges the server's version and clock. */
export function judgeServer({ version, hostFrom, database, hostTo }: ServerReading): Check[] {
  const reading = { hostFrom, hostTo, elapsed: 0, database, rules: database, isShifted: false };
  const doubt = clockDoubt({ ...reading, meta: null, watermark: null }, null, TOLERANCE_MS);
  return [
    Number.parseInt(version, 10) >= POSTGRES_MIN
      ? soundCheck("postgres-version", `Postgres ${version}`)
      : wrongCheck("postgres-version", `Postgres ${version}`, {
          wrong: `It is older than ${POSTGRES_MIN} and cannot end the transactions of a client that hangs.`,
          advice: `Move to Postgres ${POSTGRES_MIN} or newer.`,
        }),
    doubt === null
      ? soundCheck("clock-database", "the clocks of this host and of the database agree")
      : wrongCheck("clock-database", "the clocks of this host and of the database", {
          wrong: doubt,
          advice: "Let a time service such as NTP set the clocks of both machines.",
        }),
  ];
}
