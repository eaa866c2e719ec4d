import { setTimeout as wait } from "node:timers/promises";
import { messageOf, ServerFailure } from "./failure.ts";
import { endProcess, startGuardedProcess, type GuardedProcess, type GuardedProcessOptions } from "./guarded-process.ts";
import { pauseProcess } from "./pause-process.ts";
import { assertPortIsFree, pickFreePort } from "./ports.ts";

export interface RunningServer {
  /** What a client connects to. It stays the same over restarts. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Resolves with the last lines it wrote when it ends without having been asked to; a new one after each restart. */
  readonly failed: Promise<string>;
  /** Ends it in order and waits until it is gone. */
  stop: () => Promise<void>;
  /** Sends a signal. Where the signal ends the process, waits until it is gone. */
  kill: (signal: NodeJS.Signals) => Promise<void>;
  /** Starts it anew on the same port and data, stopping it first where it still runs. */
  restart: () => Promise<void>;
}

export interface ServerPlan {
  name: string;
  port: number | undefined;
  url: (port: number) => string;
  launch: (port: number) => Promise<GuardedProcessOptions>;
  /** Resolves once it serves, rejects while it does not. */
  isReady: (port: number) => Promise<void>;
  stopSignal: NodeJS.Signals;
  /** Whether a start that failed with these lines is worth another one. */
  isWorthRetrying: (lastLines: string[]) => boolean;
}

const READY_MS_MAX = 60_000;
const ASK_AGAIN_MS = 10;
const STOP_MS_MAX = 15_000;
const STARTS_MAX = 50;
const START_AGAIN_MS = 200;
const ENDING_SIGNALS = new Set<NodeJS.Signals>(["SIGKILL", "SIGTERM", "SIGINT", "SIGQUIT"]);

class ExitedFailure extends ServerFailure {
  readonly lines: string[];

  constructor(name: string, lines: string[]) {
    super(`${name} ended while starting:\n${lines.slice(-12).join("\n")}`);
    this.lines = lines;
  }
}

async function waitUntilReady(plan: ServerPlan, running: GuardedProcess, port: number): Promise<void> {
  const deadline = performance.now() + READY_MS_MAX;
  for (;;) {
    try {
      await plan.isReady(port);
      return;
    } catch (error) {
      if (running.hasExited) throw new ExitedFailure(plan.name, running.lastLines());
      if (performance.now() > deadline) {
        await endProcess(running, "SIGKILL", STOP_MS_MAX);
        throw new ServerFailure(`${plan.name} did not serve within ${READY_MS_MAX / 1000} s: ${messageOf(error)}`);
      }
      await Promise.race([wait(ASK_AGAIN_MS), running.exited]);
    }
  }
}

async function startOnce(plan: ServerPlan, port: number): Promise<GuardedProcess> {
  const running = await startGuardedProcess(await plan.launch(port));
  await waitUntilReady(plan, running, port);
  // Another server's answer on the same port must not be taken for this one's.
  if (running.hasExited) throw new ExitedFailure(plan.name, running.lastLines());
  return running;
}

function isPortClash(error: unknown): boolean {
  return error instanceof ExitedFailure && /address already in use/i.test(error.lines.join("\n"));
}

/** Starts on the port that was asked for, or on a free one, and tries again where that can help. */
async function startOnSomePort(plan: ServerPlan, fixedPort: number | undefined) {
  for (let start = 1; ; start++) {
    const port = fixedPort ?? (await pickFreePort());
    if (fixedPort !== undefined) await assertPortIsFree(fixedPort);
    try {
      return { running: await startOnce(plan, port), port };
    } catch (error) {
      const isWorthIt =
        error instanceof ExitedFailure &&
        ((fixedPort === undefined && isPortClash(error)) || plan.isWorthRetrying(error.lines));
      if (!isWorthIt || start === STARTS_MAX) throw error;
      await wait(START_AGAIN_MS);
    }
  }
}

/** Starts a server by its plan, waits until it serves, and gives what is needed to stop, kill and restart it. */
export async function superviseServer(plan: ServerPlan): Promise<RunningServer> {
  const first = await startOnSomePort(plan, plan.port);
  const { port } = first;
  let running = first.running;
  let isEnding = false;
  const watch = async (watched: GuardedProcess): Promise<string> => {
    await watched.exited;
    // Whoever asked for the end has been told by `stop` or `kill`.
    if (isEnding || watched !== running) return new Promise(() => undefined);
    return watched.lastLines().slice(-12).join("\n");
  };
  let failed = watch(running);
  const stop = async () => {
    isEnding = true;
    if (!running.hasExited) await endProcess(running, plan.stopSignal, STOP_MS_MAX);
  };
  return {
    url: plan.url(port),
    port,
    get failed() {
      return failed;
    },
    get pid() {
      return running.pid;
    },
    stop,
    kill: async (signal) => {
      if (signal === "SIGSTOP") return pauseProcess(running);
      if (!ENDING_SIGNALS.has(signal)) return running.signal(signal);
      isEnding = true;
      await endProcess(running, signal, STOP_MS_MAX);
    },
    restart: async () => {
      await stop();
      running = (await startOnSomePort(plan, port)).running;
      isEnding = false;
      failed = watch(running);
    },
  };
}
