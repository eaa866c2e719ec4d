import type { NatsUser } from "@turno/contracts";
import { startNetworkProxy, startServiceProcess, type NetworkProxy, type ServiceProcess } from "@turno/servers";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { CLOCK_FILE_KEY } from "./shifted-clock.ts";

/** What a service talks to. Each connection has a network of its own in between, which can be made faulty. */
export type Peer = "nats" | "postgres" | "graph";

/** Where a peer listens now. A failover changes it, and new connections follow. */
export type PeerAddress = { host?: string; port: number };

export interface Wire {
  service: NatsUser;
  peer: Peer;
  network: NetworkProxy;
}

/** One process of a service, started again when it ends by itself, as an orchestrator does. */
export interface ServicePart {
  readonly service: NatsUser;
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  readonly wires: readonly Wire[];
  /** The last line of each time it ended without having been asked to. */
  readonly falls: string[];
  /** The last lines it wrote, oldest first. */
  logs(): string[];
  /** Sends a signal. What it ended stays away until `start`. */
  kill(signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): Promise<void>;
  /** Starts it as another tree than this one has it, where one is given. */
  start(repository?: string): Promise<void>;
  /** Sets the clock that its host shows it so much off, within a moment. */
  shiftClock(byMs: number): Promise<void>;
  close(): Promise<void>;
}

export interface PartPlan {
  service: NatsUser;
  name: string;
  /** Where it keeps what it is told while it runs. */
  folder: string;
  peers: Partial<Record<Peer, PeerAddress>>;
  /** The environment, given the port of each wire. */
  environment: (ports: Record<Peer, number>) => Record<string, string>;
}

const SHIFTED_CLOCK = new URL("shifted-clock.ts", import.meta.url).href;
const START_AGAIN_MS = 500;

export async function startPart(plan: PartPlan): Promise<ServicePart> {
  const wires = await Promise.all(
    Object.entries(plan.peers).map(async ([peer, address]) => {
      const network = await startNetworkProxy(address);
      return { service: plan.service, peer: peer as Peer, network };
    }),
  );
  const clockFile = join(plan.folder, `clock-${plan.name.replace(" ", "-")}`);
  await writeFile(clockFile, "0");
  const environment = environmentOf(plan, wires, clockFile);
  const falls: string[] = [];
  let isWanted = true;
  let port = 0;
  let running: ServiceProcess;
  let tree: string | undefined;

  const start = async () => {
    isWanted = true;
    const options = tree === undefined ? {} : { repository: tree };
    for (;;) {
      try {
        running = await startServiceProcess(plan.service, { ...environment, PORT: String(port) }, options);
        break;
      } catch (error) {
        if (!isWanted) return;
        falls.push(String(error).split("\n").at(-1) ?? "");
        await pause(START_AGAIN_MS);
      }
    }
    port = running.port;
    void keep(running);
  };
  const keep = async (started: ServiceProcess) => {
    await started.exited;
    if (!isWanted || started !== running) return;
    falls.push(started.logs().at(-1) ?? "it said nothing");
    await pause(START_AGAIN_MS);
    if (isWanted) await start();
  };
  await start();
  return {
    service: plan.service,
    name: plan.name,
    wires,
    falls,
    get port() {
      return port;
    },
    get pid() {
      return running.pid;
    },
    logs: () => running.logs(),
    kill: (signal) => {
      if (signal === "SIGKILL") isWanted = false;
      return running.kill(signal);
    },
    start: (repository) => {
      tree = repository;
      return start();
    },
    shiftClock: (byMs) => writeFile(clockFile, String(byMs)),
    close: async () => {
      isWanted = false;
      await running.kill("SIGKILL");
      await Promise.all(wires.map(({ network }) => network.close()));
    },
  };
}

function environmentOf(plan: PartPlan, wires: readonly Wire[], clockFile: string): Record<string, string> {
  const portOf = (peer: Peer) => wires.find((wire) => wire.peer === peer)?.network.port ?? 0;
  const ports = { nats: portOf("nats"), postgres: portOf("postgres"), graph: portOf("graph") };
  return {
    ...plan.environment(ports),
    [CLOCK_FILE_KEY]: clockFile,
    NODE_OPTIONS: `--import ${SHIFTED_CLOCK}`,
  };
}
