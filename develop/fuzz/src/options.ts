import { parseArgs } from "node:util";
import { TARGETS } from "./targets/index.ts";

export interface FuzzOptions {
  targets: string[];
  executions: number;
  seed: number;
  /** Whether what shows something new goes into the corpus of the repository. */
  isGrowing: boolean;
  /** A file with one input, which alone is executed. */
  input: string | null;
}

const EXECUTIONS = 1_000_000;

export const FUZZ_USAGE = `npm run fuzz [-- --target NAME] [--executions N] [--seed N] [--grow] [--target NAME --input FILE]

  Feeds the readers of what comes from outside with inputs that it changes at random, and keeps those that run new code. It ends
  with 1 where a reader broke a promise. Without options each reader gets ${EXECUTIONS.toLocaleString("en")} inputs.

  --target      ${Object.keys(TARGETS).join(", ")}; more than one with a comma
  --executions  how many inputs; ${EXECUTIONS.toLocaleString("en")} by default
  --seed        the same seed makes the same inputs; 1 by default
  --grow        writes what showed something new into develop/fuzz/corpus
  --input       executes this file alone, such as one that broke a promise before
`;

/** Returns the options, or null where the user asked for the usage alone. Throws an error that says what is wrong. */
export function readFuzzOptions(args: string[]): FuzzOptions | null {
  const { values } = parseArgs({
    args,
    options: {
      target: { type: "string" },
      executions: { type: "string", default: String(EXECUTIONS) },
      seed: { type: "string", default: "1" },
      grow: { type: "boolean", default: false },
      input: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return null;
  const targets = values.target?.split(",").map((name) => name.trim()) ?? Object.keys(TARGETS);
  const unknown = targets.find((name) => !Object.hasOwn(TARGETS, name));
  if (unknown !== undefined) throw new RangeError(`there is no target "${unknown}"`);
  if (values.input !== undefined && targets.length !== 1) throw new RangeError("--input needs one --target");
  return {
    targets,
    executions: readNumber("executions", values.executions),
    seed: readNumber("seed", values.seed),
    isGrowing: values.grow,
    input: values.input ?? null,
  };
}

function readNumber(name: string, text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new RangeError(`--${name} is "${text}"; give a whole number`);
}
