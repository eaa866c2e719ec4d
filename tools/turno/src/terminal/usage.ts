import process from "node:process";

/** The exit code of a program that was called wrongly, as in shells. */
export const USAGE_CODE = 2;

/** Returns whether `node:util` did not understand the arguments. */
export function isArgumentFault(error: unknown): error is Error {
  return error instanceof Error && ((error as NodeJS.ErrnoException).code ?? "").startsWith("ERR_PARSE_ARGS_");
}

/** Ends this process with a sentence and the usage. */
export function refuseUsage(fault: string, usage: string): never {
  process.stderr.write(`${fault.replace(/\.?$/, ".")}\n\n${usage.trimEnd()}\n`);
  process.exit(USAGE_CODE);
}
