import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { RoundResult } from "./round.ts";

const DOCUMENT = fileURLToPath(new URL("../../../docs/reliability.md", import.meta.url));

/** Puts a text between the marks of a section of docs/reliability.md, with the day. */
export async function writeSection(name: string, text: string): Promise<void> {
  const document = await readFile(DOCUMENT, "utf8");
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`];
  const [before, rest] = document.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`docs/reliability.md has no section ${name}`);
  const day = new Date().toISOString().slice(0, 10);
  await writeFile(DOCUMENT, `${before}${begin}\n\nOf ${day}.\n\n${text}\n\n${end}${after}`);
}

const COLUMNS = [
  "fault",
  "rounds",
  "messages",
  "lost",
  "doubled",
  "out of order",
  "unfair",
  "broken",
  "worst recovery",
];

/** A row for each kind of fault, and one for all. */
export function roundsTable(results: readonly RoundResult[]): string {
  const byFault = Map.groupBy(results, ({ fault }) => fault);
  const rows = [...byFault].map(([fault, rounds]) => toRow(fault, rounds));
  return markdownTable(COLUMNS, [...rows, toRow("**all**", results)]);
}

function toRow(name: string, rounds: readonly RoundResult[]): string[] {
  const sum = (count: (round: RoundResult) => number) => rounds.reduce((total, round) => total + count(round), 0);
  const worst = Math.max(...rounds.map(({ recoveryMs }) => recoveryMs));
  return [
    name,
    rounds.length,
    sum(({ messages }) => messages).toLocaleString("en"),
    sum(({ lost }) => lost.length),
    sum(({ doubled }) => doubled.length),
    sum(({ outOfOrder }) => outOfOrder.length),
    sum(({ unfair }) => unfair.length),
    sum(({ broken }) => broken.length),
    Number.isFinite(worst) ? `${(worst / 1000).toFixed(1)} s` : "never",
  ].map(String);
}

const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;

export function markdownTable(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  return [line(columns), line(columns.map(() => "---")), ...rows.map(line)].join("\n");
}

/** One line about a round, and what is wrong with it below. */
export function roundText(result: RoundResult, number: number, of: number): string {
  const wrong = [
    ...result.lost.map((text) => `lost: ${text}`),
    ...result.doubled.map((text) => `doubled: ${text}`),
    ...result.outOfOrder.map((text) => `out of order: ${text}`),
    ...result.unfair.map((text) => `unfair: ${text}`),
    ...result.broken.map((text) => `broken: ${text}`),
  ];
  const recovery = Number.isFinite(result.recoveryMs) ? `${(result.recoveryMs / 1000).toFixed(1)} s` : "never";
  const head = `${number}/${of} ${result.fault} (seed ${result.seed}): ${result.messages} messages, recovery ${recovery}, ${result.seconds.toFixed(0)} s`;
  if (wrong.length === 0) return `${head}, ${result.isLate ? "LATE" : "good"}`;
  const shown = wrong.slice(0, WRONG_SHOWN_MAX).map((text) => `    ${text}`);
  if (wrong.length > shown.length) shown.push(`    and ${wrong.length - shown.length} more`);
  return [`${head}, ${wrong.length} WRONG`, ...shown].join("\n");
}

const WRONG_SHOWN_MAX = 8;
