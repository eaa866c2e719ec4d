import type { NatsUser } from "@turno/contracts";
import { between, pick, type Random } from "@turno/simulator";
import { setTimeout as pause } from "node:timers/promises";
import type { Fault, FaultScene } from "../fault.ts";
import type { Peer, Wire } from "../part.ts";

const PAIRS: readonly { service: NatsUser; peer: Peer }[] = [
  { service: "provisioner", peer: "nats" },
  { service: "gateway", peer: "nats" },
  { service: "router", peer: "nats" },
  { service: "router", peer: "postgres" },
  { service: "session-tracker", peer: "nats" },
  { service: "session-tracker", peer: "postgres" },
  { service: "sender", peer: "nats" },
  { service: "sender", peer: "postgres" },
  { service: "sender", peer: "graph" },
  { service: "inbox", peer: "nats" },
  { service: "inbox", peer: "postgres" },
];
/** Half of a round trip. */
const DELAYS_MS = [2.5, 10, 25];

/** The network of one process, or of all of the service. */
function victims({ stage, random }: FaultScene, service: NatsUser, peer: Peer): Wire[] {
  const wires = stage.parts
    .flatMap((part) => part.wires)
    .filter((wire) => wire.service === service && wire.peer === peer);
  return random() < 0.5 ? wires : [pick(random, wires)];
}

const lasts = (random: Random) => pause(between(random, 500, 5_000));

type Harm = (wires: readonly Wire[], random: Random) => Promise<void>;

/** Packets are dropped, and nobody is told. What was connected then stays dead when new connections pass again. */
const swallow: Harm = async (wires, random) => {
  for (const { network } of wires) network.set({ kind: "swallowing" });
  await lasts(random);
  for (const { network } of wires) network.set({ kind: "open" });
};

const slow: Harm = async (wires, random) => {
  const delayMs = pick(random, DELAYS_MS);
  for (const { network } of wires) network.set({ kind: "slow", delayMs });
  await lasts(random);
  for (const { network } of wires) network.set({ kind: "open" });
};

/** Connections are reset several times, and for a while new ones too. */
const reset: Harm = async (wires, random) => {
  for (let time = between(random, 1, 4); time > 0; time--) {
    for (const { network } of wires) network.reset();
    await pause(between(random, 5, 400));
  }
  for (const { network } of wires) network.set({ kind: "refusing" });
  await pause(between(random, 0, 2_000));
  for (const { network } of wires) network.set({ kind: "open" });
};

const HARMS: Record<string, Harm> = { swallow, slow, reset };

export const NETWORK_FAULTS: readonly Fault[] = Object.entries(HARMS).flatMap(([name, harm]) =>
  PAIRS.map(({ service, peer }) => ({
    name: `${name} ${service}-${peer}`,
    excuses: [],
    play: (scene: FaultScene) => harm(victims(scene, service, peer), scene.random),
  })),
);
