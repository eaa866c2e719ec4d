import { parseArgs } from "node:util";
import type { Fault } from "./fault.ts";
import { FAULTS } from "./faults/index.ts";

export interface ProveOptions {
  faults: readonly Fault[];
  rounds: number;
  seed: number;
  /** Messages of a round that come in bursts. */
  burst: number;
  /** Whether the first round in which something was wrong is the last. */
  stopsAtWrong: boolean;
  /** Whether the judge is put to the test instead. */
  isControl: boolean;
  /** Whether this is the long form, whose table goes into the document. */
  isForTheRecord: boolean;
}

const ROUNDS = 210;
const BURST = 4_000;

export const PROVE_USAGE = `npm run prove [-- --fault NAME] [--seed N] [--rounds N] [--burst N] [--stop] [--controls] [--list]

  Plays rounds of load with a fault each against every process, and judges each round from outside. Without options it
  plays ${ROUNDS} rounds, takes about an hour on two idle cores.

  --fault   only the faults whose name begins so; more than one with a comma
  --seed    the first round's seed; each further round takes the next one. 1 by default
  --rounds  how many rounds; with --fault or --seed one for each fault, unless given
  --burst   messages of a round beside the steady ones; ${BURST} by default
  --stop    ends with the first round in which something was wrong
  --controls  takes protections away in a copy: the judge must find each of them missing
  --list    the names of the faults
`;

/** Reads the arguments. Throws an error in words for a person; a text where only that was asked for. */
export function readProveOptions(args: string[]): ProveOptions | string {
  const { values } = parseArgs({
    args,
    options: {
      fault: { type: "string" },
      seed: { type: "string" },
      rounds: { type: "string" },
      burst: { type: "string", default: String(BURST) },
      stop: { type: "boolean", default: false },
      controls: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return PROVE_USAGE;
  if (values.list) return `${FAULTS.map(({ name }) => name).join("\n")}\n`;
  const wanted = values.fault?.split(",").map((name) => name.trim()) ?? [""];
  const faults = FAULTS.filter(({ name }) => wanted.some((start) => name.startsWith(start)));
  if (faults.length === 0) throw new Error(`there is no fault "${values.fault}"; --list names them all`);
  const isForTheRecord = [values.fault, values.seed, values.rounds].every((value) => value === undefined);
  return {
    faults,
    rounds: readCount("rounds", values.rounds ?? String(isForTheRecord ? ROUNDS : faults.length)),
    seed: readCount("seed", values.seed ?? "1"),
    burst: readCount("burst", values.burst),
    stopsAtWrong: values.stop,
    isControl: values.controls,
    isForTheRecord,
  };
}

function readCount(name: string, text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw new Error(`--${name} is "${text}"; give a whole number above 0`);
}
