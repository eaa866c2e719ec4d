import { ROOT } from "@turno/servers";
import { onEndRequested } from "@turno/turno/terminal/process-end";
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";

const running = new Set<number>();
let isEnding = false;
/** The exit code of a run that was broken off. */
export const ENDED_CODE = 130;
const END_MS_MAX = 15_000;

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // All of the group have ended.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function signalAll(signal: NodeJS.Signals): void {
  for (const pid of running) signalGroup(pid, signal);
}

/** When this process shall end, ends the tools first, in order where they can; each is in a process group of its own. */
export function endWithTools(): void {
  process.once("exit", () => signalAll("SIGKILL"));
  onEndRequested((reason) => {
    isEnding = true;
    print(`\nStopping (${reason}).`);
    if (running.size === 0) process.exit(ENDED_CODE);
    signalAll("SIGINT");
    setTimeout(() => process.exit(ENDED_CODE), END_MS_MAX);
  });
}

export interface ToolResult {
  code: number;
  output: string;
}

/** Runs a shell command in the repository. With `isShown` its output goes to the terminal, else it is kept. */
export function runTool(
  command: string,
  options: { isShown?: boolean; environment?: Record<string, string> } = {},
): Promise<ToolResult> {
  const stdio = options.isShown === true ? "inherit" : "pipe";
  const child = spawn("/bin/sh", ["-c", command], {
    cwd: ROOT,
    detached: true,
    stdio: ["ignore", stdio, stdio],
    env: { ...process.env, ...options.environment },
  });
  let output = "";
  child.stdout?.on("data", (text) => (output += String(text)));
  child.stderr?.on("data", (text) => (output += String(text)));
  const ended = new Promise<ToolResult>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      if (child.pid !== undefined) running.delete(child.pid);
      if (!isEnding) return resolve({ code: code ?? 1, output });
      // A tool that was ended is no result: this process ends too, and so do those that the tool left working.
      if (child.pid !== undefined) signalGroup(child.pid, "SIGKILL");
      if (running.size === 0) process.exit(ENDED_CODE);
    });
  });
  if (child.pid !== undefined) running.add(child.pid);
  return ended;
}

/** The root's npm scripts, so that a step here is the one a developer runs by hand. */
async function readScripts(): Promise<Record<string, string>> {
  const { scripts } = JSON.parse(await readFile(`${ROOT}/package.json`, "utf8")) as { scripts: Record<string, string> };
  return scripts;
}

export const STATIC_STEPS = [
  { name: "format", script: "format:check" },
  { name: "lint", script: "lint" },
  { name: "typecheck", script: "typecheck" },
  { name: "boundaries", script: "boundaries" },
  { name: "dead code", script: "deadcode" },
];

export const UNIT_STEP = { name: "unit and tidy tests", script: "test:unit" };

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Runs steps one after the other, says how long each took and shows what a failing one said. Gives the failing ones' names. */
export async function runSteps(steps: readonly { name: string; script: string }[]): Promise<string[]> {
  const scripts = await readScripts();
  const failed: string[] = [];
  for (const { name, script } of steps) {
    const command = scripts[script];
    if (command === undefined) throw new Error(`package.json has no script "${script}"`);
    const startedAt = performance.now();
    const { code, output } = await runTool(command);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    print(`${code === 0 ? "ok    " : "FAILED"}  ${name.padEnd(20)} ${seconds.padStart(5)} s`);
    if (code === 0) continue;
    failed.push(name);
    print(output.trimEnd());
  }
  return failed;
}
