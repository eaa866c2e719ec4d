import { spawn } from "node:child_process";
import { constants } from "node:os";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { ServerFailure } from "./failure.ts";

/**
 * Runs a program and, beside it, a reader of a pipe whose other end only the parent holds. When the parent is gone,
 * however it went, the pipe ends and the reader signals the program. The program's pid goes out on descriptor 3.
 */
const GUARD = `
orphan_signal=$1; shift
exec 4<&0
"$@" 3>&- 4<&- </dev/null &
program=$!
echo "$program" >&3
exec 3>&-
{ read -r nothing <&4; kill -s "$orphan_signal" "$program"; } >/dev/null 2>&1 &
reader=$!
wait "$program"
status=$?
kill "$reader" 2>/dev/null
wait "$reader"
exit "$status"
`;

export interface ProcessExit {
  /** The exit code, or null where a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface GuardedProcess {
  pid: number;
  exited: Promise<ProcessExit>;
  readonly hasExited: boolean;
  /** The last lines it wrote to standard output and error, oldest first. */
  lastLines: () => string[];
  /** Sends a signal; does nothing when the program has ended. */
  signal: (signal: NodeJS.Signals) => void;
}

export interface GuardedProcessOptions {
  command: string;
  args: string[];
  environment?: NodeJS.ProcessEnv;
  cwd?: string;
  user?: { uid: number; gid: number };
  /** What the program gets when this process is gone without having stopped it. */
  orphanSignal: "KILL" | "QUIT" | "TERM";
  onLine?: (line: string) => void;
}

const LINES_KEPT_MAX = 200;

function readExit(status: number | null, signal: NodeJS.Signals | null): ProcessExit {
  if (status === null) return { code: null, signal };
  if (status <= 128) return { code: status, signal: null };
  const name = Object.entries(constants.signals).find(([, number]) => number === status - 128)?.[0];
  return name === undefined ? { code: status, signal: null } : { code: null, signal: name as NodeJS.Signals };
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It has ended and we have not been told yet.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/**
 * Starts a program that never outlives this process, not even when this process gets SIGKILL. It is in a session of
 * its own, so that Ctrl-C reaches only us and we stop it in order.
 */
export async function startGuardedProcess(options: GuardedProcessOptions): Promise<GuardedProcess> {
  const guard = spawn("/bin/sh", ["-c", GUARD, "turno-guard", options.orphanSignal, options.command, ...options.args], {
    stdio: ["pipe", "pipe", "pipe", "pipe"],
    detached: true,
    ...(options.environment === undefined ? {} : { env: options.environment }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...options.user,
  });
  const lines: string[] = [];
  for (const output of [guard.stdout, guard.stderr]) {
    createInterface({ input: output }).on("line", (line) => {
      lines.push(line);
      if (lines.length > LINES_KEPT_MAX) lines.shift();
      options.onLine?.(line);
    });
  }
  let hasExited = false;
  const exited = new Promise<ProcessExit>((resolve, reject) => {
    guard.once("error", reject);
    guard.once("close", (status, signal) => {
      hasExited = true;
      resolve(readExit(status, signal));
    });
  });
  // Our end of the pipe breaks when the program ends; `exited` tells of it.
  guard.stdin?.on("error", () => undefined);
  const pid = await Promise.race([
    new Promise<number>((resolve) => (guard.stdio[3] as Readable).once("data", (text) => resolve(Number(text)))),
    exited.then((exit) => {
      throw new ServerFailure(`${options.command} did not start (exit ${exit.code ?? exit.signal})`);
    }),
  ]);
  return {
    pid,
    exited,
    get hasExited() {
      return hasExited;
    },
    lastLines: () => [...lines],
    signal: (signal) => {
      if (!hasExited) sendSignal(pid, signal);
    },
  };
}

/** Sends `signal`, waits until the program has ended, and kills it after `graceMs`. Tells whether it ended by itself. */
export async function endProcess(running: GuardedProcess, signal: NodeJS.Signals, graceMs: number): Promise<boolean> {
  let isInTime = true;
  running.signal(signal);
  const timer = setTimeout(() => {
    isInTime = false;
    running.signal("SIGKILL");
  }, graceMs);
  await running.exited;
  clearTimeout(timer);
  return isInTime;
}
