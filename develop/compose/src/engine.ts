import { startGuardedProcess, endProcess } from "@turno/servers";
import { waitFor } from "@turno/testing";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findCompose } from "./find-compose.ts";
import { run, runs } from "./run.ts";

/** What runs containers here, and how it is asked. */
export interface Engine {
  /** Docker or podman with its version. */
  name: string;
  composeVersion: string;
  /** The program that is asked about single containers. */
  program: string;
  /** The command line of Compose up to its own arguments. */
  compose: readonly string[];
  environment: NodeJS.ProcessEnv;
  /** Runs the health check of a container by hand, where nothing else does. */
  checkHealth: (id: string) => Promise<void>;
  stop: () => Promise<void>;
}

const nothing = () => Promise.resolve();
const STOP_MS_MAX = 10_000;

/** Finds a Docker engine that answers, or else podman, whose service speaks Docker's protocol on a socket. */
export async function findEngine(): Promise<Engine> {
  const found = await findCompose();
  const common = { compose: found.command, composeVersion: found.version };
  if (await runs(["docker", "info"])) {
    const version = (await run(["docker", "version", "--format", "{{.Server.Version}}"])).trim();
    const environment = process.env;
    return {
      ...common,
      name: `Docker ${version}`,
      program: "docker",
      environment,
      checkHealth: nothing,
      stop: nothing,
    };
  }
  if (await runs(["podman", "version"])) return { ...common, ...(await startPodman()) };
  throw new Error("neither a Docker engine nor podman is here: install one of them");
}

/**
 * Works around podman where it differs from Docker: it has no BuildKit, and it leaves health checks to systemd timers,
 * which a machine without systemd does not have.
 */
async function startPodman(): Promise<Omit<Engine, "compose" | "composeVersion">> {
  const folder = await mkdtemp(join(tmpdir(), "turno-podman-"));
  const socket = `unix://${join(folder, "podman.sock")}`;
  const service = await startGuardedProcess({
    command: "podman",
    args: ["system", "service", "--time", "0", socket],
    orphanSignal: "TERM",
  });
  await waitFor(() => runs(["podman", "--remote", "--url", socket, "info"]), { what: "podman answers on its socket" });
  return {
    name: `podman ${(await run(["podman", "version", "--format", "{{.Version}}"])).trim()}`,
    program: "podman",
    environment: { ...process.env, DOCKER_HOST: socket, DOCKER_BUILDKIT: "0" },
    // A check that fails is what the container's own health says.
    checkHealth: async (id) => void (await runs(["podman", "healthcheck", "run", id])),
    stop: async () => {
      await endProcess(service, "SIGTERM", STOP_MS_MAX);
      await rm(folder, { recursive: true });
    },
  };
}
