import type { NatsUser } from "@turno/contracts";
import { join } from "node:path";
import { makePasswords, superviseNats, type NatsServerOptions } from "./nats-server.ts";
import { pickFreePort } from "./ports.ts";
import type { RunningServer } from "./supervised-server.ts";

/** One server of a cluster; it can be killed, paused and restarted like any other. */
export interface NatsNode extends RunningServer {
  readonly name: string;
}

export interface RunningNatsCluster {
  readonly nodes: readonly NatsNode[];
  /** All servers, comma-separated, for a client that shows no password and may do all. */
  readonly url: string;
  /** The same with the rights of a user. */
  urlOf: (user: NatsUser) => string;
  node(name: string): NatsNode;
  /** The name of the server that decides where streams lie; null while there is none. */
  metaLeader(): Promise<string | null>;
  stop(): Promise<void>;
}

/** Starts nats-servers that form a cluster on loopback ports, each with a store of its own, and waits until each answers. */
export async function startNatsCluster({
  nodes: count,
  ...options
}: Omit<NatsServerOptions, "port" | "monitoringPort"> & { nodes: number }): Promise<RunningNatsCluster> {
  const passwords = makePasswords();
  const numbers = Array.from({ length: count }, (_, index) => index);
  const routePorts = await Promise.all(numbers.map(pickFreePort));
  const monitoringPorts = await Promise.all(numbers.map(pickFreePort));
  const start = async (index: number): Promise<NatsNode> => {
    const name = `n${index + 1}`;
    const own = { storeDir: join(options.storeDir, name), monitoringPort: monitoringPorts[index] ?? 0 };
    const place = { serverName: name, routePort: routePorts[index] ?? 0, routePorts };
    const server = await superviseNats({ ...options, ...own }, passwords, place);
    // Its getters stay getters: they change with each restart.
    return Object.defineProperties({} as NatsNode, {
      ...Object.getOwnPropertyDescriptors(server),
      name: { value: name, enumerable: true },
    });
  };
  const nodes = await startAll(numbers.map(start));
  const addresses = (credentials: string) =>
    nodes.map(({ port }) => `nats://${credentials}127.0.0.1:${port}`).join(",");
  return {
    nodes,
    url: addresses(""),
    urlOf: (user) => addresses(`${user}:${passwords.get(user)}@`),
    node: (name) => {
      const found = nodes.find((one) => one.name === name);
      if (found === undefined) throw new Error(`the cluster has no server ${name}`);
      return found;
    },
    metaLeader: async () => {
      for (const port of monitoringPorts) {
        const leader = await readMetaLeader(port);
        if (leader !== null) return leader;
      }
      return null;
    },
    stop: async () => void (await Promise.all(nodes.map((one) => one.stop()))),
  };
}

/** All of them, or none: what has started is stopped where another does not start. */
async function startAll(starting: readonly Promise<NatsNode>[]): Promise<NatsNode[]> {
  const outcomes = await Promise.allSettled(starting);
  const started = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (failed === undefined) return started;
  await Promise.all(started.map((one) => one.stop()));
  throw failed.reason;
}

const ASK_MS_MAX = 500;

async function readMetaLeader(monitoringPort: number): Promise<string | null> {
  try {
    const signal = AbortSignal.timeout(ASK_MS_MAX);
    const response = await fetch(`http://127.0.0.1:${monitoringPort}/jsz`, { signal });
    const { meta_cluster: cluster } = (await response.json()) as { meta_cluster?: { leader?: string } };
    return cluster?.leader || null;
  } catch {
    // It is down or paused: another one may know.
    return null;
  }
}
