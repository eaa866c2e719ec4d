import { readdirSync, readFileSync } from "node:fs";

/** What `schema` says in words of a table. */
export interface TableWords {
  comment: string;
  columns: Map<string, string>;
}

const FOLDER = new URL("../schema/", import.meta.url);
const MIGRATIONS = new URL("../migrations/", import.meta.url);
const COMMENT = String.raw`\/\*\*((?:[^*]|\*(?!\/))*)\*\/\s*`;

/** The comment without its stars, as one line. */
function clean(comment: string): string {
  return comment
    .replaceAll(/^\s*\* ?/gm, " ")
    .replaceAll(/\s+/g, " ")
    .trim();
}

/** Returns the tables of each file of `schema` by the file's name, in the order in which they stand there. */
export function readSchemaWords(): Map<string, Map<string, TableWords>> {
  const files = readdirSync(FOLDER).map(
    (name) => [name.replace(".ts", ""), readTables(readFileSync(new URL(name, FOLDER), "utf8"))] as const,
  );
  return new Map(files.filter(([, tables]) => tables.size > 0));
}

/** Returns what the migrations say in words of each function, in the lines above the last one that makes it. */
export function readFunctionWords(): Map<string, string> {
  const files = readdirSync(MIGRATIONS).filter((name) => name.endsWith(".sql"));
  const texts = files.toSorted().map((name) => readFileSync(new URL(name, MIGRATIONS), "utf8"));
  const found = [...texts.join("\n").matchAll(/((?:^--(?!>).*\n)*)^create (?:or replace )?function (\w+)/gim)];
  return new Map(
    found.map(([, lines = "", name = ""]) => [name, lines.replaceAll(/^--/gm, "").replaceAll(/\s+/g, " ").trim()]),
  );
}

function readTables(text: string): Map<string, TableWords> {
  const found = [...text.matchAll(new RegExp(`(?:${COMMENT})?export const \\w+ = pgTable\\(\\s*"(\\w+)"`, "g"))];
  return new Map(
    found.map(([, comment = "", table = ""], index) => {
      const body = text.slice(found[index]?.index, found[index + 1]?.index);
      const columns = [...body.matchAll(new RegExp(`${COMMENT}\\w+: \\w+\\("(\\w+)"`, "g"))];
      const ofColumns = columns.map(([, words = "", column = ""]) => [column, clean(words)] as const);
      return [table, { comment: clean(comment), columns: new Map(ofColumns) }];
    }),
  );
}
