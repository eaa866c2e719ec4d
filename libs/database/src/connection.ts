import postgres from "postgres";

const BIGINT_OID = 20;

/**
 * A pool on the database. `bigint` comes back as a number: every one of ours is a counter below 2^53.
 * Plans are generic and not compiled: our statements are few, hot and take their rows as JSON, whose length the
 * planner cannot know, so a plan made for one batch serves all.
 */
export function connectToDatabase(
  url: string,
  options: {
    connectionsMax: number;
    name: string;
    /** Called when a connection has closed: what its session held, a lock for instance, is gone. */
    onClose?: () => void;
  },
) {
  const sql = postgres(url, {
    max: options.connectionsMax,
    onnotice: () => undefined,
    onclose: () => options.onClose?.(),
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

/** What the driver calls a connection that ended in order, without an error of its socket. */
const CLOSED = new Set(["CONNECTION_CLOSED", "CONNECTION_ENDED", "CONNECTION_DESTROYED"]);
/** After an error of these severities the server closes the connection. Source: PostgreSQL, "Message Severity Levels". */
const CLOSING = new Set(["FATAL", "PANIC"]);

/**
 * The driver rolls back what fails. Where it failed because Postgres closed the connection, that rollback would be written
 * to a socket that is gone, in a timer, and end the process: the failure is kept from it then, and the transaction ends by
 * the connection's own end, which the driver waits for too. If it was another connection that closed, that end comes with
 * the limit for idle transactions.
 */
async function rollBackUnlessClosed(running: unknown): Promise<unknown> {
  try {
    return await running;
  } catch (error) {
    const { code = "", severity = "" } = error as { code?: string; severity?: string };
    if (CLOSED.has(code) || CLOSING.has(severity)) return new Promise(() => undefined);
    throw error;
  }
}

export type Sql = ReturnType<typeof connectToDatabase>;

/** A connection on which a transaction is open. */
export type Transaction = postgres.TransactionSql<{ bigint: number }>;
