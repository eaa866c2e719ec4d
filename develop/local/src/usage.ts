import process from "node:process";
import { parseArgs } from "node:util";

/** What a program ends with that was called wrongly, as shells have it. */
export const USAGE_CODE = 2;

/** Whether `node:util` did not understand the arguments. */
export function isArgumentFault(error: unknown): error is Error {
  return error instanceof Error && ((error as NodeJS.ErrnoException).code ?? "").startsWith("ERR_PARSE_ARGS_");
}

/** Ends this process with a sentence and the usage. */
export function refuseUsage(fault: string, usage: string): never {
  process.stderr.write(`${fault.replace(/\.?$/, ".")}\n\n${usage.trimEnd()}\n`);
  process.exit(USAGE_CODE);
}

/** For a program without arguments: prints the usage where it is asked for, and refuses everything else. */
export function takeNoArguments(usage: string): void {
  try {
    const { values } = parseArgs({ options: { help: { type: "boolean", default: false } } });
    if (!values.help) return;
  } catch (error) {
    if (!isArgumentFault(error)) throw error;
    refuseUsage(error.message, usage);
  }
  process.stdout.write(`${usage.trimEnd()}\n`);
  process.exit(0);
}
