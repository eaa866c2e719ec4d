import { readdir, readFile } from "node:fs/promises";

/** The kernel counts processor time in hundredths of a second, on every Linux that Node runs on. */
const TICK_MICROS = 10_000;

/**
 * Processor time that a service of ours, or a plain one, has taken so far, in microseconds: on Linux by the scheduler's
 * account of its threads, which is exact and costs the service nothing, elsewhere by the service's own.
 * Source: Linux, sched-stats, "/proc/<pid>/schedstat".
 */
export async function readServiceCpu(service: { url: string; pid: number }): Promise<number> {
  if (process.platform !== "linux") return (await readMetric(service, "process_cpu_seconds_total")) * 1e6;
  const tasks = `/proc/${service.pid}/task`;
  const stats = (await readdir(tasks)).map((thread) => readFile(`${tasks}/${thread}/schedstat`, "utf8"));
  return (await Promise.all(stats)).reduce((sum, text) => sum + Number(text.split(" ")[0]) / 1_000, 0);
}

/** One number of a service's metrics, summed over its labels. */
export async function readMetric(service: { url: string }, name: string): Promise<number> {
  const response = await fetch(`${service.url}/metrics`);
  let sum = Number.NaN;
  for (const line of (await response.text()).split("\n")) {
    if (!line.startsWith(name) || !/^[ {]/.test(line.slice(name.length))) continue;
    sum = (Number.isNaN(sum) ? 0 : sum) + Number(line.slice(line.lastIndexOf(" ") + 1));
  }
  if (Number.isNaN(sum)) throw new Error(`${service.url} has no metric ${name}`);
  return sum;
}

interface ProcessStat {
  pid: number;
  parent: number;
  ownMicros: number;
  reapedMicros: number;
}

/** Fields 4 and 14 to 17 of /proc/<pid>/stat. Source: proc_pid_stat(5). */
async function readStat(pid: number): Promise<ProcessStat | null> {
  let text: string;
  try {
    text = await readFile(`/proc/${pid}/stat`, "utf8");
  } catch {
    // It has ended since the folder was listed.
    return null;
  }
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const ticks = (field: number) => Number(fields[field - 3]) * TICK_MICROS;
  return { pid, parent: Number(fields[1]), ownMicros: ticks(14) + ticks(15), reapedMicros: ticks(16) + ticks(17) };
}

/**
 * Processor time of a program that is not ours and of its children, living and ended, in microseconds; exact to 10 ms a
 * process. Only on Linux: elsewhere it is not a number, and what depends on it is left out.
 */
export async function readTreeCpu(pid: number): Promise<number> {
  if (process.platform !== "linux") return Number.NaN;
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const stats = (await Promise.all(pids.map(readStat))).filter((stat) => stat !== null);
  let sum = 0;
  for (const stat of stats) {
    if (stat.pid === pid) sum += stat.ownMicros + stat.reapedMicros;
    else if (stat.parent === pid) sum += stat.ownMicros;
  }
  return sum;
}

/** Memory of a process that is in the machine's RAM, in MB; not a number where the system does not tell. */
export async function readMemory(pid: number): Promise<number> {
  if (process.platform !== "linux") return Number.NaN;
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? Number.NaN) / 1024;
}
