import postgres from "postgres";

const BIGINT_OID = 20;

/**
 * A pool on the database. `bigint` comes back as a number: every one of ours is a counter below 2^53.
 * Plans are generic and not compiled: our statements are few, hot and take their rows as JSON, whose length the
 * planner cannot know, so a plan made for one batch serves all.
 */
export function connectToDatabase(url: string, options: { connectionsMax: number; name: string }) {
  return postgres(url, {
    max: options.connectionsMax,
    onnotice: () => undefined,
    idle_timeout: 0,
    connect_timeout: 5,
    types: {
      bigint: { to: BIGINT_OID, from: [BIGINT_OID], parse: Number, serialize: String },
    },
    connection: {
      application_name: options.name,
      plan_cache_mode: "force_generic_plan",
      jit: false,
      // Our look-ups are few rows by key: with the default, made for spinning disks, small tables are read whole.
      random_page_cost: 1.1,
      statement_timeout: 30_000,
      idle_in_transaction_session_timeout: 10_000,
    },
  });
}

export type Sql = ReturnType<typeof connectToDatabase>;

/** A connection on which a transaction is open. */
export type Transaction = postgres.TransactionSql<{ bigint: number }>;
