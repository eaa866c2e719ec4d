import { parseArgs } from "node:util";
import { PARTS, type PartName } from "./results.ts";

export interface BenchOptions {
  parts: PartName[];
  isQuick: boolean;
  isJson: boolean;
  minutes: number;
  /** Instead of each part's own number, of which none is below five. */
  rounds: number | null;
  profileFolder: string | null;
  plansFolder: string | null;
  /** A commit that the whole path is compared with, instead of the parts. */
  besideCommit: string | null;
  alternations: number;
}

export const BENCH_USAGE = `npm run bench [-- --only ${PARTS.join("|")}] [--quick] [--json]

  --only      one part, or several with a comma; all but ramp, inbox and size by default
  --quick     without growth, memory and ramp; small sizes, one round: shows that every variant does its whole work; its figures mean nothing
  --json      prints one object with the figures, and nothing else
  --minutes   how long ramp holds the load it found, 10 by default
  --rounds    how many rounds each part plays, for a quick look
  --profile   a folder into which every service writes a CPU profile at its end
  --plans     a folder into which inbox writes the plans of its queries
  --beside    a commit: plays the whole path of it and of this checkout in turn, and prints the ratios of what a message costs
  --alternations   how often it does, 5 by default
`;

/** They take their time, and the results file does not need them. */
export const PARTS_BY_NAME_ONLY: readonly PartName[] = ["ramp", "inbox", "size"];
const FULL_PARTS = PARTS.filter((name) => !PARTS_BY_NAME_ONLY.includes(name));
/** Together they run every design and every check; the others repeat them at other sizes. */
const QUICK_PARTS: readonly PartName[] = ["gateway", "router", "path", "routers", "latency", "free-place"];

/** Reads the arguments. Throws an error in words for a person; null where only the usage was asked for. */
export function readBenchOptions(args: string[]): BenchOptions | null {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: "string" },
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      minutes: { type: "string", default: "10" },
      rounds: { type: "string" },
      profile: { type: "string" },
      plans: { type: "string" },
      beside: { type: "string" },
      alternations: { type: "string", default: "5" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return null;
  const minutes = Number(values.minutes);
  if (!(minutes > 0 && minutes <= 24 * 60)) throw new Error(`--minutes is "${values.minutes}"; give a number above 0`);
  const rounds = values.rounds === undefined ? null : Number(values.rounds);
  if (rounds !== null && !(Number.isInteger(rounds) && rounds > 0)) throw new Error("--rounds must be 1 or more");
  const alternations = Number(values.alternations);
  if (!(Number.isInteger(alternations) && alternations > 0)) throw new Error("--alternations must be 1 or more");
  const names = values.only?.split(",") ?? [...(values.quick ? QUICK_PARTS : FULL_PARTS)];
  const unknown = names.filter((name) => !(PARTS as readonly string[]).includes(name));
  if (unknown.length > 0) throw new Error(`there is no part ${unknown.join(", ")}; there are ${PARTS.join(", ")}`);
  return {
    parts: names as PartName[],
    isQuick: values.quick,
    isJson: values.json,
    minutes,
    rounds,
    profileFolder: values.profile ?? null,
    plansFolder: values.plans ?? null,
    besideCommit: values.beside ?? null,
    alternations,
  };
}
