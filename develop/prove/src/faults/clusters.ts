import { STREAMS } from "@turno/contracts";
import type { NatsNode, RunningNatsCluster } from "@turno/servers";
import { between, pick } from "@turno/simulator";
import { waitFor } from "@turno/testing";
import { setTimeout as pause } from "node:timers/promises";
import type { Fault, FaultScene } from "../fault.ts";
import type { ProveStage } from "../stage.ts";

function clusterOf({ cluster }: ProveStage): RunningNatsCluster {
  if (cluster === null) throw new Error("this fault needs a cluster");
  return cluster;
}

async function leaderOf(stage: ProveStage, stream: string): Promise<NatsNode> {
  const leader = await waitFor(
    async () => {
      const { streams } = await stage.connection.nats.jetstreamManager();
      return (await streams.info(stream)).cluster?.leader;
    },
    { what: `${stream} has a leader`, timeoutMs: 30_000 },
  );
  return clusterOf(stage).node(leader);
}

async function metaLeaderOf(stage: ProveStage): Promise<NatsNode> {
  const find = () => clusterOf(stage).metaLeader();
  return clusterOf(stage).node(await waitFor(find, { what: "the cluster has a leader", timeoutMs: 30_000 }));
}

/** The harm is the death: the others must go on without it. It comes back a while after that. */
const kill = (name: string, find: (stage: ProveStage) => Promise<NatsNode>): Fault => ({
  name,
  excuses: [],
  ground: "cluster",
  play: async ({ stage, random }: FaultScene) => {
    const node = await find(stage);
    await node.kill("SIGKILL");
    await pause(between(random, 0, 4_000));
    await node.restart();
  },
});

const stop: Fault = {
  name: "SIGSTOP one of three nats-servers",
  excuses: [],
  ground: "cluster",
  play: async ({ stage, random }) => {
    const node = pick(random, clusterOf(stage).nodes);
    await node.kill("SIGSTOP");
    await pause(between(random, 500, 6_000));
    await node.kill("SIGCONT");
  },
};

const loseQuorum: Fault = {
  name: "two of three nats-servers SIGKILLed",
  excuses: [],
  ground: "cluster",
  play: async ({ stage, random }) => {
    const { nodes } = clusterOf(stage);
    const first = between(random, 0, nodes.length - 1);
    const lost = [0, 1].map((step) => nodes[(first + step) % nodes.length] as NatsNode);
    await Promise.all(lost.map((node) => node.kill("SIGKILL")));
    await pause(between(random, 500, 4_000));
    await Promise.all(lost.map((node) => node.restart()));
  },
};

const restartAll: Fault = {
  name: "rolling restart of three nats-servers",
  excuses: [],
  ground: "cluster",
  play: async ({ stage, random }) => {
    for (const node of clusterOf(stage).nodes) {
      await node.restart();
      await pause(between(random, 1_000, 2_500));
    }
  },
};

export const CLUSTER_FAULTS: readonly Fault[] = [
  kill("SIGKILL the leader of INBOUND", (stage) => leaderOf(stage, STREAMS.inbound)),
  kill("SIGKILL the leader of EVENTS", (stage) => leaderOf(stage, STREAMS.events)),
  kill("SIGKILL the leader of the cluster", metaLeaderOf),
  stop,
  loseQuorum,
  restartAll,
];
