import process from "node:process";

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
