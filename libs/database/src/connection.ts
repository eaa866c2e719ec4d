import postgres from "postgres";

const BIGINT_OID = 20;

/**
 * A pool on the database. `bigint` comes back as a number: every one of ours is a counter below 2^53.
 * Plans are generic and not compiled: our statements are few, hot and take their rows as JSON, whose length the
 * planner cannot know, so a plan made for one batch serves all.
 */
export function connectToDatabase(url: string, options: { connectionsMax: number; name: string }) {
  const sql = postgres(url, {
    max: options.connectionsMax,
    onnotice: () => undefined,
    idle_timeout: 0,
    connect_timeout: 5,
    types: {
      bigint: { to: BIGINT_OID, from: [BIGINT_OID], parse: Number, serialize: String },
    },
    // The driver leaves out what is falsy: `off` and not `false`.
    connection: {
      application_name: options.name,
      plan_cache_mode: "force_generic_plan",
      jit: "off",
      // Our statements read few rows by key. A plan is kept for long, and one that reads a table whole because it was
      // small in the morning is a bad one in the evening; the default cost of a page is made for spinning disks.
      random_page_cost: 1.1,
      enable_seqscan: "off",
      statement_timeout: 30_000,
      idle_in_transaction_session_timeout: 10_000,
    },
  });
  const begin = sql.begin.bind(sql) as (run: Run) => Promise<unknown>;
  return Object.assign(sql, {
    begin: ((run: Run) => begin((tx) => rollBackUnlessClosed(run(tx)))) as typeof sql.begin,
  });
}

type Run = (tx: Transaction) => unknown;

const CLOSED = /^(?:CONNECTION_[A-Z]+|E[A-Z]{3,})$/;

/**
 * The driver rolls back what fails. Where it failed because Postgres closed the connection, that rollback would be written
 * to a socket that is gone, in a timer, and end the process: the failure is kept from it then, and the transaction ends by
 * the connection's own end, which the driver waits for too.
 */
async function rollBackUnlessClosed(running: unknown): Promise<unknown> {
  try {
    return await running;
  } catch (error) {
    const isFatal = error instanceof postgres.PostgresError && ["FATAL", "PANIC"].includes(error.severity_local);
    const { code } = error as { code?: unknown };
    if (isFatal || (typeof code === "string" && CLOSED.test(code))) return new Promise(() => undefined);
    throw error;
  }
}

export type Sql = ReturnType<typeof connectToDatabase>;

/** A connection on which a transaction is open. */
export type Transaction = postgres.TransactionSql<{ bigint: number }>;
