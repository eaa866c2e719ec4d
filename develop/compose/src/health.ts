import { waitFor } from "@turno/testing";
import { ONE_SHOTS, type Container } from "./containers.ts";
import type { Engine } from "./engine.ts";

type ListContainers = () => Promise<Container[]>;

const HEALTHY_MS_MAX = 300_000;
const COMPOSE_MS_MAX = 1_200_000;
const LOOK_AGAIN_MS = 500;

const isIll = ({ service, health }: Container) => !ONE_SHOTS.includes(service) && health !== "healthy";

/** Checks one after the other, and only where it can change something: each check starts a process in its container. */
async function checkHealth(engine: Engine, containers: readonly Container[]): Promise<void> {
  for (const { id, isRunning } of containers) if (isRunning) await engine.checkHealth(id);
}

/** Keeps checking the health of containers while Compose, which may wait for it, is at work. */
export async function keepHealthy<T>(engine: Engine, list: ListContainers, work: Promise<T>): Promise<T> {
  let isDone = false;
  const done = work.finally(() => (isDone = true));
  const look = async () => {
    if (!isDone) await checkHealth(engine, (await list()).filter(isIll));
    return isDone;
  };
  const options = { what: "Compose is done", timeoutMs: COMPOSE_MS_MAX, intervalMs: LOOK_AGAIN_MS };
  await Promise.all([done, waitFor(look, options)]);
  return done;
}

/** Waits until all containers run and are healthy, but those that end by themselves. */
export async function waitUntilHealthy(engine: Engine, list: ListContainers): Promise<void> {
  const look = async () => {
    await checkHealth(engine, (await list()).filter(isIll));
    const ill = (await list()).filter(isIll);
    if (ill.length > 0) throw new Error(ill.map(({ service, health }) => `${service} is ${health}`).join(", "));
    // What was healthy before may have lost what it needs meanwhile.
    await checkHealth(engine, await list());
    return !(await list()).some(isIll);
  };
  const options = { what: "all containers are healthy", timeoutMs: HEALTHY_MS_MAX, intervalMs: LOOK_AGAIN_MS };
  await waitFor(look, options);
}
