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
}

export type Sql = ReturnType<typeof connectToDatabase>;

/** A connection on which a transaction is open. */
export type Transaction = postgres.TransactionSql<{ bigint: number }>;
