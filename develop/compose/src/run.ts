import { ROOT } from "@turno/servers";
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
const LINES_TOLD_MAX = 20;

/** Runs a program in the repository and returns what it wrote. Throws with its last lines where it fails. */
export async function run(command: readonly string[], environment: NodeJS.ProcessEnv = process.env): Promise<string> {
  const [program = "", ...args] = command;
  try {
    const options = { cwd: ROOT, env: environment, maxBuffer: OUTPUT_BYTES_MAX };
    return (await promisify(execFile)(program, args, options)).stdout;
  } catch (error) {
    const { stdout = "", stderr = "", message } = error as { stdout?: string; stderr?: string; message: string };
    const said = `${stdout}\n${stderr}`.trim().split("\n").slice(-LINES_TOLD_MAX).join("\n");
    throw new Error(`${program} ${args[0] ?? ""} failed:\n${said === "" ? message : said}`, { cause: error });
  }
}

/** Tells whether a program can be run like this. */
export const runs = (command: readonly string[], environment?: NodeJS.ProcessEnv): Promise<boolean> =>
  run(command, environment).then(
    () => true,
    () => false,
  );
