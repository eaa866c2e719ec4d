import type { Column, GetColumnData, Query, SQL, SQLWrapper } from "drizzle-orm";
import type * as PgCore from "drizzle-orm/pg-core";
import type { Sql, Transaction } from "../src/connection.ts";
import {
  getTableColumns,
  getTableName,
  PgDatabase,
  PgDialect,
  PgPreparedQuery,
  PgSession,
  sql as expression,
  Subquery,
} from "./drizzle.ts";

export {
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
  sql as expression,
} from "./drizzle.ts";

/** Statements of more parameters hold lists of any length, so that each length would be kept by each session. */
const KEPT_PARAMETERS_MAX = 40;

/** What a statement without `returning` gives. */
interface Written extends PgCore.PgQueryResultHKT {
  type: { count: number };
}

/**
 * Drizzle's builder for a statement on the pool or in a transaction, typed by the schema. Awaited, the statement goes
 * through that connection as any other: no second client, and the driver alone turns values into the database's and back.
 * A `null` that an outer join makes is in the type; what a fragment (`expression`) gives is what its caller says.
 * Fails as any statement does.
 */
export function typed(sql: Sql | Transaction): TypedBuilder {
  return new PgDatabase(dialect, new Session(sql), undefined);
}

/** A part of a statement that is built: a condition, or whatever `expression` writes. */
export type Condition = SQL;

type TypedBuilder = Pick<PgCore.PgDatabase<Written>, "select" | "selectDistinct" | "insert" | "update" | "delete">;

/** A condition with its values in the text. As parameters they would keep a partial index from being used. */
export function constant(condition: SQL): SQL {
  return expression`${condition}`.inlineParams();
}

/** Whether a column's value is one of any number, in one parameter. */
export function isAnyOf<C extends Column>(column: C, values: readonly GetColumnData<C, "raw">[]): SQL<boolean> {
  return expression`${column} = any(${expression.param([...values])})`;
}

/** Rows of a table, chosen by a statement, to select from in the table's stead: by its name and with its columns. */
export function inPlaceOf<T extends PgCore.PgTable>(table: T, rows: SQLWrapper): T {
  return new Subquery(rows.getSQL(), {}, getTableName(table)) as unknown as T;
}

/** For an upsert: these columns become what they are in the row that was to be inserted. */
export function excluded<T extends PgCore.PgTable, Name extends keyof T["_"]["columns"] & string>(
  table: T,
  ...names: Name[]
): Record<Name, SQL> {
  const columns = getTableColumns(table);
  const entries = names.map((name) => [name, expression`excluded.${expression.identifier(columns[name]?.name ?? "")}`]);
  return Object.fromEntries(entries) as Record<Name, SQL>;
}

/** The row that a selection gives. */
export type RowOf<Fields> = {
  [Name in keyof Fields]: Fields[Name] extends Column
    ? GetColumnData<Fields[Name]>
    : Fields[Name] extends SQL<infer Value>
      ? Value
      : never;
};

const dialect = new PgDialect();

class Session extends PgSession<Written> {
  readonly #sql: Sql | Transaction;

  constructor(sql: Sql | Transaction) {
    super(dialect);
    this.#sql = sql;
  }

  prepareQuery<T extends PgCore.PreparedQueryConfig>(query: Query, fields: PgCore.SelectedFieldsOrdered | undefined) {
    return new Statement<T>(this.#sql, query, fields);
  }

  transaction(): never {
    throw new TypeError("a transaction is begun on the connection");
  }
}

class Statement<T extends PgCore.PreparedQueryConfig> extends PgPreparedQuery<T> {
  readonly #sql: Sql | Transaction;
  readonly #names: string[] | undefined;

  constructor(sql: Sql | Transaction, query: Query, fields: PgCore.SelectedFieldsOrdered | undefined) {
    super(query, undefined, undefined);
    this.#sql = sql;
    this.#names = fields?.map(({ path }) => {
      const [name, ...rest] = path;
      if (name === undefined || rest.length > 0) throw new TypeError(`a column within ${name}: rows are flat`);
      return name;
    });
  }

  /** By their places, because a column that is selected has its own name, not that of the field. */
  async execute(): Promise<T["execute"]> {
    const { sql: text, params } = this.query;
    const prepare = params.length <= KEPT_PARAMETERS_MAX;
    const rows = await this.#sql.unsafe(text, params as never[], { prepare, simple: false } as never).values();
    const names = this.#names;
    if (names === undefined) return { count: rows.count };
    return rows.map((row: unknown[]) => Object.fromEntries(names.map((name, place) => [name, row[place]])));
  }
}
