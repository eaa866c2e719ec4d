import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { onEndRequested } from "./process-end.ts";

export const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

const running = new Set<number>();

function signalAll(signal: NodeJS.Signals): void {
  for (const pid of running) process.kill(-pid, signal);
}

/** Ends the tools that run when this process shall end; each is in a process group of its own. */
export function endWithTools(): void {
  onEndRequested(() => {
    signalAll("SIGTERM");
    process.exitCode = 130;
  });
  process.once("exit", () => signalAll("SIGKILL"));
}

export interface ToolResult {
  code: number;
  output: string;
}

/** Runs a shell command in the repository. With `isShown` its output goes to the terminal, else it is kept. */
export function runTool(command: string, options: { isShown?: boolean } = {}): Promise<ToolResult> {
  return new Promise((resolve, reject) => {
    const stdio = options.isShown === true ? "inherit" : "pipe";
    const child = spawn("/bin/sh", ["-c", command], { cwd: ROOT, detached: true, stdio: ["ignore", stdio, stdio] });
    const { pid } = child;
    if (pid !== undefined) running.add(pid);
    let output = "";
    child.stdout?.on("data", (text) => (output += String(text)));
    child.stderr?.on("data", (text) => (output += String(text)));
    child.once("error", reject);
    child.once("close", (code) => {
      if (pid !== undefined) running.delete(pid);
      resolve({ code: code ?? 1, output });
    });
  });
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
