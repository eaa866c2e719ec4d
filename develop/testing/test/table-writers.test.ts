import { getTableName } from "@turno/database";
import * as schema from "@turno/database/schema";
import { TABLE_WRITERS } from "@turno/database/table-writers";
import { describe, expect, it } from "vitest";
import { listFiles, listWorkspaces, readSource } from "./repository.ts";

const files = listFiles();
const tables = [...readSource("libs/database/schema.sql").matchAll(/^create (?:unlogged )?table (\w+)/gm)].map(
  ([, table = ""]) => table,
);
const deployed = listWorkspaces(files)
  .filter(({ tags }) => !tags.includes("development") && !tags.includes("local"))
  .map(({ folder }) => folder);
const sources = files.filter((path) => deployed.some((folder) => path.startsWith(`${folder}/src/`)));

const NAME = String.raw`\s+(?:only\s+)?"?(\w+)"?`;
const WRITES = [
  `\\b(?:insert\\s+into|delete\\s+from|merge\\s+into|truncate(?:\\s+table)?|copy)${NAME}`,
  // Locks (`for update of`) and upserts (`do update set`) are no statement of their own.
  `\\bupdate${NAME}(?:\\s+(?:as\\s+)?\\w+)?\\s+set\\b`,
].map((pattern) => new RegExp(pattern, "gi"));

/** A statement that is built. */
const BUILT_WRITE = /\.(?:insert|update|delete)\(\s*(\w+)\s*\)/g;
/** The tables by their names in TypeScript. */
const builtNames = new Map(
  Object.entries(schema).flatMap(([name, value]) =>
    Symbol.for("drizzle:IsDrizzleTable") in Object(value) ? [[name, getTableName(value as typeof schema.agents)]] : [],
  ),
);

/** The tables that a text's statements write, also in the parts of a `with`. */
function tablesWritten(text: string): Set<string> {
  const names = WRITES.flatMap((pattern) => [...text.matchAll(pattern)].map(([, name = ""]) => name));
  const built = [...text.matchAll(BUILT_WRITE)].map(([, name = ""]) => builtNames.get(name) ?? "");
  return new Set([...names, ...built].filter((name) => tables.includes(name)));
}

/** `<table> by <package>` of each package that writes a table, with the first file that does. */
function findWrites(): Map<string, string> {
  const found = new Map<string, string>();
  for (const path of sources) {
    for (const table of tablesWritten(readSource(path))) {
      const write = `${table} by ${path.split("/")[1]}`;
      if (!found.has(write)) found.set(write, path);
    }
  }
  return found;
}

describe("the table of who writes which table", () => {
  it("names each table of the schema", () => {
    expect(tables.length).toBeGreaterThan(20);
    expect(Object.keys(TABLE_WRITERS).toSorted()).toEqual(tables.toSorted());
  });

  it("allows every statement in the sources, and nothing that no statement does", () => {
    const allowed = Object.entries(TABLE_WRITERS).flatMap(([table, writers]) =>
      Object.keys(writers).map((writer) => `${table} by ${writer}`),
    );
    const found = findWrites();
    const foreign = [...found]
      .filter(([write]) => !allowed.includes(write))
      .map(([write, path]) => `${write}: ${path}`);
    expect(foreign).toEqual([]);
    expect(allowed.filter((write) => !found.has(write))).toEqual([]);
  });

  it("leaves an agent's load to the ledger alone", () => {
    const counting = sources.filter((path) =>
      /\bset\b[^;`]*\bactive_count\s*=|\btyped\([^;]*\.(?:set|values)\([^;]*\bactiveCount\b/i.test(readSource(path)),
    );
    expect(counting).toEqual(["libs/database/src/release.ts", "libs/database/src/write-assignments.ts"]);
  });

  it("is what ARCHITECTURE.md shows", () => {
    const section = readSource("ARCHITECTURE.md")
      .split(/^## /m)
      .find((text) => text.startsWith("Who writes which table"));
    const rows = (section ?? "").split("\n").filter((line) => line.startsWith("| `"));
    const shown = rows.map((line) =>
      line
        .split("|")
        .slice(1, 3)
        .map((cell) => cell.trim()),
    );
    const wanted = Object.entries(TABLE_WRITERS).map(([table, writers]) => {
      const each = Object.entries(writers).map(([writer, what]) => `${writer}: ${what}`);
      return [`\`${table}\``, each.length === 0 ? "nobody" : each.join("; ")];
    });
    expect(shown).toEqual(wanted);
  });

  it("is held to what a statement is, wherever it stands", () => {
    const written = (text: string) => [...tablesWritten(text)];
    expect(written("with gone as (\n  delete from outbox where true returning 1\n) insert into events (id)")).toEqual([
      "outbox",
      "events",
    ]);
    expect(written("update conversations as conversation set state = 'closed'")).toEqual(["conversations"]);
    expect(written('update\n  "agents" set active_count = 0')).toEqual(["agents"]);
    expect(
      written("select from groups for no key update; on conflict (id) do update set name = excluded.name"),
    ).toEqual([]);
    expect(written("select from conversations for update of conversation skip locked")).toEqual([]);
  });

  it("is held to statements that are built", () => {
    const written = (text: string) => [...tablesWritten(text)];
    expect(written("await typed(tx)\n  .insert(ticketHistories)\n  .values(row)")).toEqual(["ticket_histories"]);
    expect(written("typed(tx).update(agents).set({}); typed(tx).delete(deadLetters)")).toEqual([
      "agents",
      "dead_letters",
    ]);
    expect(written("typed(sql).select().from(agents); rows.delete(key)")).toEqual([]);
    expect(builtNames.size).toBe(tables.length);
  });

  it("cannot be got around by a table that has another name where it is written", () => {
    const renamed = sources.filter((path) =>
      /import (?:\* as|\{[^}]*\bas\b[^}]*\}) ?[^;]*from "(?:@turno\/database\/schema|[./]+schema\/\w+\.ts)"/.test(
        readSource(path),
      ),
    );
    expect(renamed).toEqual([]);
    const unknown = sources.flatMap((path) =>
      [...readSource(path).matchAll(/\btyped\(\w+\)\s*\.(?:insert|update|delete)\(\s*(\w*)/g)]
        .filter(([, name = ""]) => !builtNames.has(name))
        .map(([match]) => `${path}: ${match}`),
    );
    expect(unknown).toEqual([]);
  });

  it("cannot be got around by a table whose name is put in", () => {
    const hidden = sources.filter((path) =>
      /\b(?:insert\s+into|delete\s+from|merge\s+into|truncate|(?<!\b(?:for|key)\s+)update)\s+\$\{/i.test(
        readSource(path),
      ),
    );
    expect(hidden).toEqual([]);
  });
});
