import { isArgumentFault, refuseUsage } from "@turno/turno/terminal/usage";
import process from "node:process";
import { parseArgs } from "node:util";

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
