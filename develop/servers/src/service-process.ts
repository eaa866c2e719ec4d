import { createRequire } from "node:module";
import { setTimeout as wait } from "node:timers/promises";
import { ServerFailure } from "./failure.ts";
import { endProcess, startGuardedProcess, type GuardedProcess, type ProcessExit } from "./guarded-process.ts";
import { pauseProcess } from "./pause-process.ts";
import { ROOT } from "./root.ts";

const LISTENING_MS_MAX = 60_000;
const ASK_MS_MAX = 2_000;
const ASK_AGAIN_MS = 50;
/** Longer than the longest time that a service has to drain. */
const STOP_MS_MAX = 30_000;
const ENDING_SIGNALS = new Set<NodeJS.Signals>(["SIGKILL", "SIGTERM", "SIGINT", "SIGQUIT"]);

export interface ServiceProcessOptions {
  /** Another tree than this one whose services are run. */
  repository?: string;
  /** A file to run in place of the service's `src/main.ts`, by its whole path. */
  main?: string;
  /** Whether to return as soon as it listens, although it may still wait for broker and database; false by default. */
  isListeningEnough?: boolean;
  onLine?: (line: string) => void;
}

export interface ServiceProcess {
  name: string;
  port: number;
  url: string;
  pid: number;
  /** The last lines it wrote, oldest first. */
  logs: () => string[];
  /** SIGTERM, and waits until it has drained. Throws where it had to be killed or ended with a fault. */
  stop: () => Promise<void>;
  /** Sends a signal. Where the signal ends the process, waits until it is gone. */
  kill: (signal: NodeJS.Signals) => Promise<void>;
  exited: Promise<ProcessExit>;
}

/** The Node that runs our sources as they are: this one, or the one that the lockfile brings. */
function workspaceNode(): string {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > 24 || (major === 24 && minor >= 12)) return process.execPath;
  return createRequire(import.meta.url).resolve(`node-${process.platform}-${process.arch}/bin/node`);
}

function readListeningPort(line: string): number | null {
  if (!line.startsWith("{")) return null;
  try {
    const entry = JSON.parse(line) as { msg?: unknown; port?: unknown };
    return entry.msg === "listening" && typeof entry.port === "number" ? entry.port : null;
  } catch {
    // Not a log line of ours, for instance what Node itself prints about a crash.
    return null;
  }
}

async function stopInOrder(name: string, running: GuardedProcess): Promise<void> {
  const isInTime = await endProcess(running, "SIGTERM", STOP_MS_MAX);
  const exit = await running.exited;
  if (isInTime && (exit.code === 0 || exit.signal !== null)) return;
  const how = isInTime ? `ended with code ${exit.code}` : `did not stop within ${STOP_MS_MAX / 1000} s`;
  throw new ServerFailure(`${name} ${how}:\n${running.lastLines().slice(-12).join("\n")}`);
}

/** A service listens before it has found broker and database, and says in its readiness that it is still starting. */
async function hasBegun(port: number): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/health/ready`, { signal: AbortSignal.timeout(ASK_MS_MAX) });
    return ((await answer.json()) as { status?: string }).status !== "starting";
  } catch {
    // It may end while it is asked; the one that waits is told of that.
    return false;
  }
}

async function waitUntilBegun(port: number, running: GuardedProcess): Promise<boolean> {
  while (!running.hasExited) {
    if (await hasBegun(port)) return !running.hasExited;
    await wait(ASK_AGAIN_MS);
  }
  return false;
}

/**
 * Runs `services/<name>/src/main.ts` with this process's environment and `environment` over it, and waits until it
 * listens and has begun its work. `PORT` is a free one unless given. It never outlives this process.
 */
export async function startServiceProcess(
  name: string,
  environment: Record<string, string>,
  options: ServiceProcessOptions = {},
): Promise<ServiceProcess> {
  let tellPort: (port: number) => void;
  const listening = new Promise<number>((resolve) => (tellPort = resolve));
  const running = await startGuardedProcess({
    command: workspaceNode(),
    args: [options.main ?? `services/${name}/src/main.ts`],
    cwd: options.repository ?? ROOT,
    environment: { ...process.env, PORT: "0", ...environment },
    orphanSignal: "KILL",
    onLine: (line) => {
      const port = readListeningPort(line);
      if (port !== null) tellPort(port);
      options.onLine?.(line);
    },
  });
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), LISTENING_MS_MAX);
  });
  const begun = listening.then(async (port) => {
    if (options.isListeningEnough === true || (await waitUntilBegun(port, running))) return port;
    return running.exited;
  });
  const port = await Promise.race([begun, running.exited, tooLate]);
  clearTimeout(timer);
  if (typeof port !== "number") {
    await endProcess(running, "SIGKILL", STOP_MS_MAX);
    throw new ServerFailure(`${name} did not start:\n${running.lastLines().slice(-20).join("\n")}`);
  }
  return {
    name,
    port,
    url: `http://127.0.0.1:${port}`,
    pid: running.pid,
    logs: running.lastLines,
    stop: () => stopInOrder(name, running),
    kill: async (signal) => {
      if (signal === "SIGSTOP") return pauseProcess(running);
      running.signal(signal);
      if (ENDING_SIGNALS.has(signal)) await running.exited;
    },
    exited: running.exited,
  };
}
