import type { Sql } from "@turno/database";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { waitUntil } from "../ledger.ts";
import type { BenchScene } from "../scene.ts";

/** What Postgres did for a request: of all its statements together. */
export interface Work {
  /** Pages that were looked at, wherever they lay. */
  pages: number;
  /** Rows that were read, also those that were then left out. */
  rows: number;
  /** The indexes of large tables that were read, and which of these tables were read whole. */
  by: string[];
  /** The statements with their plans, as `explain (analyze, buffers)` shows them. */
  text: string;
}

const SETTINGS = {
  logging_collector: "on",
  log_destination: "jsonlog",
  session_preload_libraries: "auto_explain",
  // Filling the database writes more than a gigabyte of log: without room for it each page is written to it again and again.
  max_wal_size: "8GB",
};
const EXPLAINING = {
  "auto_explain.log_min_duration": "0",
  "auto_explain.log_analyze": "on",
  "auto_explain.log_buffers": "on",
};
/** The services' own looks come at least once in this time. */
const IDLE_MS = 2_500;

/** Makes the server keep a log. Before the services start: their sessions load what explains. */
export async function keepPlans(scene: BenchScene, sql: Sql): Promise<void> {
  await configureServer(sql, SETTINGS);
  scene.onEnd(async () => {
    await resetServer(sql, SETTINGS);
    await (await scene.postgres()).restart();
  });
  await (await scene.postgres()).restart();
}

/**
 * What services do for each request, without what they do by themselves all the time: explained in their own sessions, with
 * their own plans, by `auto_explain`. Outside of it nothing is explained, and nothing is slowed down.
 */
export async function explainRequests(sql: Sql, requests: readonly (() => Promise<unknown>)[]): Promise<Work[]> {
  await configureServer(sql, EXPLAINING);
  await sql`select pg_reload_conf()`;
  const idle = () => new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  const asked = [idle, ...requests];
  for (const [index, ask] of asked.entries()) {
    await mark(sql, index);
    await ask();
  }
  await mark(sql, asked.length);
  await resetServer(sql, EXPLAINING);
  await sql`select pg_reload_conf()`;
  const [byThemselves = [], ...byRequests] = await readEntries(sql, asked.length);
  const idleQueries = new Set(byThemselves.map(queryOf));
  return byRequests.map((entries) => toWork(entries.filter((entry) => !idleQueries.has(queryOf(entry)))));
}

async function configureServer(sql: Sql, settings: Record<string, string>): Promise<void> {
  for (const [name, value] of Object.entries(settings)) await sql.unsafe(`alter system set ${name} = '${value}'`);
}

async function resetServer(sql: Sql, settings: Record<string, string>): Promise<void> {
  for (const name of Object.keys(settings)) await sql.unsafe(`alter system reset ${name}`);
}

const markOf = (index: number) => `bench mark ${index}.`;

const mark = (sql: Sql, index: number) => sql.unsafe(`do $$ begin raise log '${markOf(index)}'; end $$`);

/** The services' statements with their plans, between each two of the marks in the log. */
async function readEntries(sql: Sql, lastMark: number): Promise<string[][]> {
  let messages: string[] = [];
  await waitUntil("the log", async () => {
    messages = await readMessages(sql);
    return messages.includes(markOf(lastMark));
  });
  return Array.from({ length: lastMark }, (_, index) => {
    const between = messages.slice(messages.indexOf(markOf(index)) + 1, messages.indexOf(markOf(index + 1)));
    return between.filter((message) => message.includes("plan:"));
  });
}

/** The log's messages, without those of the benchmark's own statements. */
async function readMessages(sql: Sql): Promise<string[]> {
  const [row] = await sql<{ folder: string }[]>`
    select current_setting('data_directory') || '/' || current_setting('log_directory') as folder`;
  const folder = row?.folder ?? "";
  const names = (await readdir(folder)).filter((name) => name.endsWith(".json")).toSorted();
  const files = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
  const lines = files
    .join("")
    .split("\n")
    .filter((line) => line.endsWith("}"));
  return lines.flatMap((line) => {
    const { message = "", application_name: by } = JSON.parse(line) as { message?: string; application_name?: string };
    return by === "bench" && !message.startsWith("bench mark") ? [] : [message];
  });
}

const queryOf = (message: string): string =>
  /Query Text: ([\s\S]*?)\n(?:Query Parameters: |\S.*\(cost=)/.exec(message)?.[1] ?? message;

/** Of tables that grow; who asks is looked up in small ones. */
const LARGE = /^(?:conversations|messages|events|tickets|contacts)_?/;
const INDEX_OR_TABLE = /using (\w+) on|Bitmap Index Scan on (\w+)|Seq Scan on (\w+)/;

function toWork(entries: readonly string[]): Work {
  const by = new Set<string>();
  let [pages, rows] = [0, 0];
  for (const entry of entries) {
    pages += pagesOf(entry);
    rows += rowsOf(entry);
    for (const line of entry.split("\n").filter((text) => !text.includes("(never executed)"))) {
      const [, index, bitmap, table] = INDEX_OR_TABLE.exec(line) ?? [];
      const name = index ?? bitmap ?? (table === undefined ? "" : `${table} whole`);
      if (LARGE.test(name)) by.add(name);
    }
  }
  return { pages, rows: Math.round(rows), by: [...by], text: entries.join("\n\n") };
}

/** The first node's pages are those of all below it. */
function pagesOf(entry: string): number {
  const [, hit = "0", read = "0"] = /Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?/.exec(entry) ?? [];
  return Number(hit) + Number(read);
}

/** Rows are told for each loop of a node. */
function rowsOf(entry: string): number {
  let [sum, loops] = [0, 0];
  for (const line of entry.split("\n")) {
    const actual = /actual time=.* rows=([\d.]+) loops=(\d+)/.exec(line);
    if (actual !== null) {
      const isScan = / Scan /.test(line) && !/Bitmap Index|Function|Subquery|CTE/.test(line);
      loops = isScan ? Number(actual[2]) : 0;
      sum += Number(actual[1]) * loops;
    }
    const removed = /Rows Removed by (?:Filter|Index Recheck): (\d+)/.exec(line);
    if (removed !== null) sum += Number(removed[1]) * loops;
  }
  return sum;
}
