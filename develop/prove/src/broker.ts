import type { NatsUser } from "@turno/contracts";
import { startNatsCluster, startNatsServer, type RunningNatsCluster, type RunningNatsServer } from "@turno/servers";

/** Whether the broker syncs what it stores before it acknowledges. A control turns it off. */
export const SYNC_ALWAYS: boolean = true;

/** What a round stands on: one nats-server, or a cluster of them. */
export type Ground = "single" | "cluster";

const NODES = 3;

/** One nats-server, or three that form a cluster: the other one is null. */
export interface Broker {
  server: RunningNatsServer | null;
  cluster: RunningNatsCluster | null;
  url: string;
  urlOf(user: NatsUser): string;
  /** How many servers keep each stream. */
  replicas: number;
  stop(): Promise<void>;
}

export async function startBroker(ground: Ground, storeDir: string): Promise<Broker> {
  if (ground === "cluster") {
    const cluster = await startNatsCluster({ nodes: NODES, storeDir, syncAlways: SYNC_ALWAYS });
    return { server: null, cluster, replicas: NODES, ...reached(cluster) };
  }
  const server = await startNatsServer({ storeDir, syncAlways: SYNC_ALWAYS });
  return { server, cluster: null, replicas: 1, ...reached(server) };
}

function reached(broker: RunningNatsServer | RunningNatsCluster): Pick<Broker, "url" | "urlOf" | "stop"> {
  return { url: broker.url, urlOf: (user) => broker.urlOf(user), stop: () => broker.stop() };
}
