import type postgres from "postgres";
import { readFunctionWords, readSchemaWords, type TableWords } from "./schema-words.ts";

interface Column {
  table: string;
  name: string;
  type: string;
  notNull: boolean;
  defaultTo: string | null;
  /** `a` for an identity, `s` for a generated column. */
  kind: string;
}

interface Constraint {
  table: string;
  kind: "p" | "u" | "f" | "c";
  columns: string[];
  definition: string;
}

interface Catalogue {
  columns: Column[];
  constraints: Constraint[];
  indexes: { table: string; definition: string }[];
  triggers: { table: string; definition: string }[];
  settings: { table: string; options: string[] | null; isUnlogged: boolean }[];
}

const WIDTH_MAX = 120;

/** Postgres' own wording, shortened to what a person would write. */
const tidy = (sql: string): string =>
  sql
    .replaceAll(/'[^']*'|\b[A-Z]{2,}\b/g, (word) => (word.startsWith("'") ? word : word.toLowerCase()))
    .replaceAll("public.", "")
    .replaceAll(" using btree", "")
    .replaceAll(/::(text|regclass|regconfig)(\[\])?/g, "")
    .replaceAll(/\((\w+) = any \(array\[(.*?)\]\)\)/g, "($1 in ($2))")
    .replaceAll(/\(\((.*)\)\)$/g, "($1)")
    .replaceAll("timestamp with time zone", "timestamptz");

/** Reads from the catalogue what a migrated database consists of. */
async function readCatalogue(sql: postgres.Sql): Promise<Catalogue> {
  const columns = await sql<Column[]>`
    select c.relname as table, a.attname as name, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as "notNull",
      pg_get_expr(d.adbin, d.adrelid) as "defaultTo", concat(a.attidentity, a.attgenerated) as kind
    from pg_attribute a join pg_class c on c.oid = a.attrelid
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
    order by c.relname, a.attnum`;
  const constraints = await sql<Constraint[]>`
    select c.relname as table, n.contype as kind, pg_get_constraintdef(n.oid) as definition,
      array(select a.attname from unnest(n.conkey) with ordinality k (number, place)
        join pg_attribute a on a.attrelid = n.conrelid and a.attnum = k.number order by k.place) as columns
    from pg_constraint n join pg_class c on c.oid = n.conrelid
    where c.relnamespace = 'public'::regnamespace and n.contype in ('p', 'u', 'f', 'c')
    order by c.relname, n.contype desc, n.conname`;
  const indexes = await sql<{ table: string; definition: string }[]>`
    select i.indrelid::regclass::text as table, pg_get_indexdef(i.indexrelid) as definition
    from pg_index i join pg_class c on c.oid = i.indexrelid
    where c.relnamespace = 'public'::regnamespace and not exists (select from pg_constraint n where n.conindid = c.oid)
    order by c.relname`;
  const triggers = await sql<{ table: string; definition: string }[]>`
    select tgrelid::regclass::text as table, pg_get_triggerdef(oid) as definition
    from pg_trigger where not tgisinternal order by tgname`;
  const settings = await sql<Catalogue["settings"]>`
    select relname as table, reloptions as options, relpersistence = 'u' as "isUnlogged" from pg_class
    where relnamespace = 'public'::regnamespace and relkind = 'r' order by relname`;
  return { columns, constraints, indexes, triggers, settings };
}

function writeColumn(column: Column, constraints: readonly Constraint[]): string {
  const own = constraints.filter(({ columns }) => columns.length === 1 && columns[0] === column.name);
  const isKey = own.some(({ kind }) => kind === "p");
  const isSerial = column.defaultTo?.startsWith("nextval(") === true;
  const value = tidy(column.defaultTo ?? "");
  return [
    column.name,
    isSerial ? "bigserial" : tidy(column.type),
    isKey ? "primary key" : column.notNull && column.kind !== "a" && !isSerial ? "not null" : "",
    column.kind === "a" ? "generated always as identity" : "",
    column.kind === "s" ? `generated always as (${value}) stored` : "",
    value !== "" && !isSerial && column.kind === "" ? `default ${value}` : "",
    own.some(({ kind }) => kind === "u") ? "unique" : "",
    ...own
      .filter(({ kind }) => kind === "f")
      .map(({ definition }) => tidy(definition).replace(/^foreign key \(\w+\) /, "")),
    ...own.filter(({ kind }) => kind === "c").map(({ definition }) => tidy(definition)),
  ]
    .filter((part) => part !== "")
    .join(" ");
}

/** Breaks a text into lines of a comment. */
function comment(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = `${indent}--`;
  for (const word of text.split(" ")) {
    if (line.length + word.length >= WIDTH_MAX) {
      lines.push(line);
      line = `${indent}--`;
    }
    line += ` ${word}`;
  }
  return text === "" ? [] : [...lines, line];
}

function writeTable(table: string, catalogue: Catalogue, words: TableWords): string {
  const constraints = catalogue.constraints.filter((one) => one.table === table);
  const shared = constraints.filter(({ columns }) => columns.length !== 1);
  const members = [
    ...catalogue.columns
      .filter((one) => one.table === table)
      .map((column) => ({ line: writeColumn(column, constraints), words: words.columns.get(column.name) ?? "" })),
    ...shared.map(({ definition }) => ({ line: tidy(definition), words: "" })),
  ];
  const lines = members.flatMap((member, index) => [
    ...comment(member.words, "  "),
    `  ${member.line}${index === members.length - 1 ? "" : ","}`,
  ]);
  const settings = catalogue.settings.find((one) => one.table === table);
  const options = settings?.options ?? [];
  const storage =
    options.length === 0 ? "" : ` with (${options.map((option) => option.replace("=", " = ")).join(", ")})`;
  const after = [...catalogue.indexes, ...catalogue.triggers].filter((one) => one.table === table);
  return [
    ...comment(words.comment, ""),
    `create ${settings?.isUnlogged === true ? "unlogged " : ""}table ${table} (`,
    ...lines,
    `)${storage};`,
    ...after.map(({ definition }) => `${tidy(definition)};`),
  ].join("\n");
}

/** A table comes after those that it refers to. */
function inOrder(tables: readonly string[], catalogue: Catalogue): string[] {
  const done = new Set<string>();
  const add = (table: string): void => {
    if (done.has(table)) return;
    const targets = catalogue.constraints.filter((one) => one.table === table && one.kind === "f");
    for (const { definition } of targets) {
      const target = /REFERENCES (\w+)\(/.exec(definition)?.[1];
      if (target !== undefined && target !== table && tables.includes(target)) add(target);
    }
    done.add(table);
  };
  for (const table of tables) add(table);
  return [...done];
}

async function writeFunctions(sql: postgres.Sql): Promise<string[]> {
  const functions = await sql<{ name: string; definition: string }[]>`
    select proname as name, pg_get_functiondef(oid) as definition from pg_proc
    where pronamespace = 'public'::regnamespace order by proname`;
  const words = readFunctionWords();
  return functions.map(({ name, definition }) => {
    const [, head = "", returned, body] =
      /^([^]*?)\n(?:RETURN ([^]*?)|AS \$function\$([^]*)\$function\$)\s*$/.exec(definition) ?? [];
    const first = tidy(head.replaceAll(/\s+/g, " ").replace("CREATE OR REPLACE", "create").toLowerCase());
    const last = returned === undefined ? `  as $$${body}$$;` : `  return ${tidy(returned)};`;
    return [...comment(words.get(name) ?? "", ""), first, last].join("\n");
  });
}

/** Writes the whole schema of a database as SQL that makes the same one, in the groups and with the words of `schema`. */
export async function describeSchema(sql: postgres.Sql): Promise<string> {
  const catalogue = await readCatalogue(sql);
  const sequences = await sql<{ name: string }[]>`
    select relname as name from pg_class c where relnamespace = 'public'::regnamespace and relkind = 'S'
      and not exists (select from pg_depend d where d.objid = c.oid and d.deptype in ('a', 'i')) order by relname`;
  const words = readSchemaWords();
  const known = new Set([...words.values()].flatMap((tables) => [...tables.keys()]));
  const unknown = catalogue.settings.filter(({ table }) => !known.has(table)).map(({ table }) => table);
  if (unknown.length > 0) throw new Error(`the database has tables that schema does not have: ${unknown.join(", ")}`);
  // People first, because tickets refer to them.
  const groups = [...words].toSorted(([left], [right]) => Number(right === "people") - Number(left === "people"));
  return [
    "-- The schema of a migrated database, to read. Written by `npm run schema -w @turno/database`; services migrate by themselves.",
    "",
    "-- Functions stand before the tables that they read.",
    "set check_function_bodies = off;",
    "",
    ...sequences.map(({ name }) => `create sequence ${name};`),
    "",
    (await writeFunctions(sql)).join("\n\n"),
    ...groups.flatMap(([group, tables]) => [
      `\n---- ${group} ${"-".repeat(WIDTH_MAX - group.length - 6)}\n`,
      inOrder([...tables.keys()], catalogue)
        .map((table) => writeTable(table, catalogue, tables.get(table) as TableWords))
        .join("\n\n"),
    ]),
    "",
  ].join("\n");
}
