import type * as Orm from "drizzle-orm";
import type * as PgCore from "drizzle-orm/pg-core";
import type * as PostgresJs from "drizzle-orm/postgres-js";
import type * as Migrator from "drizzle-orm/postgres-js/migrator";
import { createRequire } from "node:module";

/**
 * Drizzle, loaded here alone and as CommonJS: for each of its ES modules Node reads Drizzle's `package.json` of 179 kB
 * again (docs/decisions/0005-drizzle-beside-postgres-js.md).
 */
const load = createRequire(import.meta.url);

export const {
  and,
  count,
  desc,
  eq,
  getTableColumns,
  getTableName,
  gt,
  gte,
  inArray,
  isNotNull,
  isNull,
  lt,
  lte,
  not,
  or,
  sql,
  Subquery,
} = load("drizzle-orm") as typeof Orm;

export const {
  bigint,
  bigserial,
  boolean,
  check,
  customType,
  index,
  integer,
  pgSequence,
  pgTable,
  PgDatabase,
  PgDialect,
  PgPreparedQuery,
  PgSession,
  primaryKey,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} = load("drizzle-orm/pg-core") as typeof PgCore;

export type { AnyPgColumn } from "drizzle-orm/pg-core";

/** Loads what applies migrations, which a service seldom needs. */
export const loadMigrator = () => ({
  ...(load("drizzle-orm/postgres-js") as typeof PostgresJs),
  ...(load("drizzle-orm/postgres-js/migrator") as typeof Migrator),
});
