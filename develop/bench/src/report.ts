import { cpus, release, totalmem, type as systemType } from "node:os";
import { FIGURES, judgeFigure, type DetailTable, type FigureKey, type Figures } from "./results.ts";
import { format } from "./statistics.ts";

const VERDICTS = { aim: "aim reached", met: "met", missed: "**missed**" };

function markdownTable(columns: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |`;
  const text = rows.map((row) => line(row.map((cell) => (typeof cell === "number" ? format(cell) : cell))));
  return [line(columns), line(columns.map(() => "---")), ...text].join("\n");
}

const boundOf = (key: FigureKey, bound: number) =>
  FIGURES[key].aim > FIGURES[key].least ? `≥ ${bound}` : `≤ ${bound}`;

/** The main table: every figure that was measured beside the least that is accepted and the aim. */
export function figuresTable(figures: Figures): string {
  const rows = (Object.keys(FIGURES) as FigureKey[]).flatMap((key) => {
    const value = figures[key];
    if (value === undefined) return [];
    const { what, least, aim } = FIGURES[key];
    return [[what, `**${format(value)}**`, boundOf(key, least), boundOf(key, aim), VERDICTS[judgeFigure(key, value)]]];
  });
  return markdownTable(["what", "measured", "at least", "aim", ""], rows);
}

export const detailText = ({ title, columns, rows }: DetailTable): string =>
  `### ${title}\n\n${markdownTable(columns, rows)}`;

/** The whole results file. */
export function resultsFile(run: {
  command: string;
  at: Date;
  versions: readonly string[];
  figures: Figures;
  tables: readonly DetailTable[];
}): string {
  const { command, at, versions, figures, tables } = run;
  const [first] = cpus();
  return `# Results of the benchmark

Written by \`${command}\` on ${at.toISOString().slice(0, 10)}: medians of rounds in which the variants alternate, in one run.
Ratios hold from run to run within some ten percent; absolute figures follow the machine and its neighbours.

Machine: ${cpus().length} cores, ${first?.model.trim() ?? "unknown"}, ${Math.round(totalmem() / 2 ** 30)} GB, ${systemType()} ${release()}; ${versions.join(", ")}.

${figuresTable(figures)}

![The figures against their limits](results.svg)

## Details

${tables.map(detailText).join("\n\n")}
`;
}
