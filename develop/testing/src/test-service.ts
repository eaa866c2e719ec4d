import { startServiceProcess, type ServiceProcess, type ServiceProcessOptions } from "@turno/servers";
import { execFile } from "node:child_process";
import { appendFileSync } from "node:fs";
import { noteStarted, openLog, testedService } from "./test-run.ts";

/**
 * Runs the bundle of `services/<name>/src/main.ts`, or the sources of another repository, until stopped or killed. What
 * still runs at the end of the test run fails it, and so does a secret in what it logged.
 */
export async function startTestService(
  name: string,
  environment: Record<string, string>,
  options: ServiceProcessOptions = {},
): Promise<ServiceProcess> {
  const log = openLog(name);
  const onLine = (line: string) => {
    appendFileSync(log, `${line}\n`);
    options.onLine?.(line);
  };
  const bundle = options.repository === undefined ? { main: testedService(name) } : {};
  // No balancer has to be told before a gateway of a test stops.
  const surroundings = { STOP_GRACE_MS: "0", ...environment };
  const service = await startServiceProcess(name, surroundings, { ...bundle, ...options, onLine });
  const noteStopped = await noteStarted(`${name}-${service.pid}`);
  const noted = service.exited.then(noteStopped);
  return {
    ...service,
    exited: noted.then(() => service.exited),
    stop: async () => {
      await service.stop();
      await noted;
    },
    kill: async (signal) => {
      await service.kill(signal);
      if (signal !== "SIGSTOP" && signal !== "SIGCONT") await noted;
    },
  };
}

/** Runs the bundle of a service that ends by itself, and returns its code and what it said. */
export function runTestService(
  name: string,
  environment: Record<string, string>,
): Promise<{ exitCode: number; said: string }> {
  const options = { env: { ...process.env, ...environment } };
  return new Promise((resolve) => {
    const running = execFile(process.execPath, [testedService(name)], options, (_error, stdout, stderr) => {
      const said = stdout + stderr;
      appendFileSync(openLog(name), said);
      resolve({ exitCode: running.exitCode ?? -1, said });
    });
  });
}
