import type { NatsUser } from "@turno/contracts";
import type { RunningServer } from "@turno/servers";
import { between, pick, type Random } from "@turno/simulator";
import { setTimeout as pause } from "node:timers/promises";
import type { Fault, FaultScene } from "../fault.ts";
import type { ServicePart } from "../part.ts";
import type { ProveStage } from "../stage.ts";

const SERVICES: readonly NatsUser[] = ["provisioner", "gateway", "router", "session-tracker", "sender", "inbox"];
const SERVERS = ["postgres", "nats"] as const;

/** One process of the service, or all of them at once. */
function victims({ stage, random }: FaultScene, service: NatsUser): ServicePart[] {
  const parts = stage.parts.filter((part) => part.service === service);
  return random() < 0.3 ? parts : [pick(random, parts)];
}

/** Beyond a lease and below it. */
const stillness = (random: Random) => between(random, 300, 6_500);

/** Where it is killed it is started again at once or after a while: the harm ends when it is. */
const kill = (service: NatsUser): Fault => ({
  name: `SIGKILL ${service}`,
  excuses: [],
  play: async (scene) => {
    const parts = victims(scene, service);
    await Promise.all(parts.map((part) => part.kill("SIGKILL")));
    await pause(between(scene.random, 0, 3_000));
    await Promise.all(parts.map((part) => part.start()));
  },
});

const stop = (service: NatsUser): Fault => ({
  name: `SIGSTOP ${service}`,
  excuses: [],
  play: async (scene) => {
    const parts = victims(scene, service);
    await Promise.all(parts.map((part) => part.kill("SIGSTOP")));
    await pause(stillness(scene.random));
    await Promise.all(parts.map((part) => part.kill("SIGCONT")));
  },
});

/** Far from the database a batch is longer under way, so it is more often met there: what it wants to commit is stale then. */
const stopFarRouter: Fault = {
  name: "SIGSTOP router far from postgres",
  excuses: [],
  play: async (scene) => {
    const [part] = victims(scene, "router");
    const network = part?.wires.find(({ peer }) => peer === "postgres")?.network;
    network?.set({ kind: "slow", delayMs: 25 });
    await pause(between(scene.random, 300, 1_000));
    scene.load.burst(1_000);
    await pause(between(scene.random, 50, 400));
    await part?.kill("SIGSTOP");
    await pause(between(scene.random, 6_000, 7_500));
    await part?.kill("SIGCONT");
    await pause(500);
    network?.set({ kind: "open" });
  },
};

function serverOf({ postgres, nats }: ProveStage, name: (typeof SERVERS)[number]): RunningServer {
  if (name === "postgres") return postgres;
  if (nats === null) throw new Error("this fault needs a single nats-server");
  return nats;
}

const killServer = (name: (typeof SERVERS)[number]): Fault => ({
  name: `SIGKILL ${name}`,
  excuses: [],
  play: async ({ stage, random }) => {
    await serverOf(stage, name).kill("SIGKILL");
    await pause(between(random, 0, 3_000));
    await serverOf(stage, name).restart();
  },
});

const stopServer = (name: (typeof SERVERS)[number]): Fault => ({
  name: `SIGSTOP ${name}`,
  excuses: [],
  play: async ({ stage, random }) => {
    await serverOf(stage, name).kill("SIGSTOP");
    await pause(stillness(random));
    await serverOf(stage, name).kill("SIGCONT");
  },
});

export const PROCESS_FAULTS: readonly Fault[] = [
  ...SERVICES.flatMap((service) => [kill(service), stop(service)]),
  stopFarRouter,
  ...SERVERS.flatMap((name) => [killServer(name), stopServer(name)]),
];
