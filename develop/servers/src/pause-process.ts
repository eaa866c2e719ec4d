import { readdir, readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import type { GuardedProcess } from "./guarded-process.ts";

const LOOK_EVERY_MS = 1;

/**
 * Sends SIGSTOP and waits until every thread has stopped: the signal is only posted when the call returns, and what runs
 * on another processor may still answer. Where the system does not say (no Linux) it is sent and no more.
 */
export async function pauseProcess(running: GuardedProcess): Promise<void> {
  running.signal("SIGSTOP");
  if (process.platform !== "linux") return;
  while (!running.hasExited && !(await hasStopped(running.pid))) await pause(LOOK_EVERY_MS);
}

/** Source: proc_pid_stat(5): the state stands behind the program's name, which may hold anything. */
async function hasStopped(pid: number): Promise<boolean> {
  const tasks = `/proc/${pid}/task`;
  try {
    const stats = (await readdir(tasks)).map((thread) => readFile(`${tasks}/${thread}/stat`, "utf8"));
    return (await Promise.all(stats)).every((text) => text[text.lastIndexOf(")") + 2] === "T");
  } catch {
    // A thread has ended since the folder was listed.
    return false;
  }
}
