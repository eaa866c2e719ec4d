import { startService as startAnyService, type RunningService, type StartServiceOptions } from "@turno/servers";
import { noteStarted } from "./test-run.ts";

/** Runs `services/<name>/src/main.ts` until stopped or killed. What still runs at the end of the test run fails it. */
export async function startService(
  name: string,
  environment: Record<string, string>,
  options: StartServiceOptions = {},
): Promise<RunningService> {
  const service = await startAnyService(name, environment, options);
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
