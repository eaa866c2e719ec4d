import type { Engine } from "./engine.ts";
import { run } from "./run.ts";

/** The services that do one thing, and end. */
export const ONE_SHOTS: readonly string[] = ["nats-volume", "migrator", "setup"];

export interface Container {
  id: string;
  service: string;
  pid: number;
  exitCode: number;
  isRunning: boolean;
  health: string;
  startedAt: string;
}

interface Inspected {
  Id: string;
  Config: { Labels: Record<string, string> };
  State: { Pid: number; ExitCode: number; Running: boolean; StartedAt: string; Health?: { Status: string } };
}

/** Lists the containers of a Compose project, also those that have ended. */
export async function listContainers(engine: Engine, project: string): Promise<Container[]> {
  const filter = ["--filter", `label=com.docker.compose.project=${project}`];
  const ids = (await run([engine.program, "ps", "--all", "--quiet", ...filter])).trim().split("\n");
  if (ids[0] === "") return [];
  const inspected = JSON.parse(await run([engine.program, "inspect", ...ids])) as Inspected[];
  return inspected.map(({ Id: id, Config: { Labels: labels }, State: state }) => ({
    id,
    service: labels["com.docker.compose.service"] ?? "",
    pid: state.Pid,
    exitCode: state.ExitCode,
    isRunning: state.Running,
    health: state.Running ? (state.Health?.Status ?? "without a check") : "not running",
    startedAt: state.StartedAt,
  }));
}
