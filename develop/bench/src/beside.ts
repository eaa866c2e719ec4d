import { ROOT } from "@turno/servers";
import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { DetailTable } from "./results.ts";
import { median } from "./statistics.ts";

const ROUNDS = 3;
const run = promisify(execFile);

/** Processor time by process, in microseconds a message, and messages a second: a row of the path's table. */
type Costs = Map<string, number>;
interface Played {
  ours: Costs;
  plain: Costs;
}

/**
 * Plays the whole path of another commit and of this checkout in turn, and returns the ratios of what a message costs
 * (this one ÷ that one), pair by pair. The plain design is the control: it is the same code in both, so its ratio shows
 * how far the machine drifts between two runs of a pair.
 */
export async function measureBeside(
  commit: string,
  alternations: number,
  say: (text: string) => void,
): Promise<DetailTable> {
  const folder = await mkdtemp(join(tmpdir(), "turno-beside-"));
  const other = join(folder, "turno");
  await run("git", ["-C", ROOT, "worktree", "add", "--detach", other, commit]);
  try {
    const pairs: { here: Played; there: Played }[] = [];
    for (let number = 1; number <= alternations; number++) {
      say(`alternation ${number} of ${alternations}: ${commit}`);
      const there = await playPath(other);
      say(`alternation ${number} of ${alternations}: this checkout`);
      pairs.push({ there, here: await playPath(ROOT) });
    }
    return toTable(commit, pairs);
  } finally {
    await run("git", ["-C", ROOT, "worktree", "remove", "--force", other]);
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs the path of a checkout with its own benchmark, which its package.json finds, and reads the table that it prints. */
async function playPath(root: string): Promise<Played> {
  const args = ["run", "--silent", "bench", "--", "--only", "path", "--rounds", String(ROUNDS)];
  const child = spawn("npm", args, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk) => (output += String(chunk)));
  const code = await new Promise((resolve, reject) => child.once("error", reject).once("close", resolve));
  if (code !== 0) throw new Error(`the benchmark in ${root} ended with ${String(code)}:\n${output}`);
  return readPathTable(output);
}

/** Reads the rows of the path's table in what a benchmark printed. */
function readPathTable(output: string): Played {
  const rows = output.split("\n").map((line) => line.split("|").map((cell) => cell.trim()));
  const head = rows.find((cells) => cells[1] === "design" && cells.includes("gateway µs"));
  const costsOf = (isMeant: (design: string) => boolean): Costs => {
    const row = rows.find((cells) => cells.length === head?.length && isMeant(cells[1] ?? ""));
    if (head === undefined || row === undefined) throw new Error(`no table of the path in:\n${output}`);
    const costs = head.map((name, index) => [name, Number((row[index] ?? "").replaceAll(",", ""))] as const);
    return new Map(costs.filter(([name, value]) => name !== "" && name !== "design" && Number.isFinite(value)));
  };
  return { ours: costsOf((design) => design.startsWith("turno")), plain: costsOf((design) => design === "plain") };
}

function toTable(commit: string, pairs: readonly { here: Played; there: Played }[]): DetailTable {
  const names = [...(pairs[0]?.here.ours.keys() ?? [])];
  const ratios = (design: keyof Played, name: string) =>
    pairs.map(({ here, there }) => (here[design].get(name) ?? Number.NaN) / (there[design].get(name) ?? Number.NaN));
  return {
    title: `The whole path, this checkout ÷ ${commit}, in ${pairs.length} alternations of ${ROUNDS} rounds`,
    columns: ["what", "median", "least", "most", "control: plain design, median", "least", "most"],
    rows: names.map((name) => {
      const [ours, plain] = [ratios("ours", name), ratios("plain", name)];
      const spread = (list: number[]) => [median(list), Math.min(...list), Math.max(...list)];
      return [name, ...spread(ours), ...spread(plain)];
    }),
  };
}
