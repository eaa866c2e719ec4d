import { EVENT_SUBJECTS, OPEN_USER } from "@turno/contracts";
import { requestCommand } from "@turno/messaging";
import { writeCrowd, type Crowd } from "../crowd.ts";
import { startOurs, toLines, type Design } from "../designs.ts";
import { LostWork } from "../ledger.ts";
import { agentIdOf, createTrafficSource } from "../population.ts";
import type { PartResult } from "../results.ts";
import type { BenchScene } from "../scene.ts";
import { median, medianRatio } from "../statistics.ts";

const ACTOR = { kind: "service", name: OPEN_USER } as const;
const FULL = 1_000;

/** One kind of size. Its worlds stand beside each other, and are measured in turn. */
interface Question {
  title: string;
  sizes: number[];
  crowdOf(size: number): Crowd;
  /** Does it once, and returns the milliseconds. */
  ask(world: World, round: number): Promise<number>;
}

interface World {
  size: number;
  design: Design;
  /** Resolves when so many conversations more were assigned. */
  assigned: (count: number) => Promise<void>;
  /** Gives a full agent room for one conversation more. */
  makeRoom: (agent: number) => Promise<void>;
}

const traffic = createTrafficSource(0);

async function write({ design, assigned }: World): Promise<number> {
  const send = design.prepareFeed(toLines(traffic.take(1)));
  const done = assigned(1);
  const startedAt = performance.now();
  await send();
  await done;
  return performance.now() - startedAt;
}

async function makeRoom(world: World, agents: readonly number[]): Promise<number> {
  const done = world.assigned(agents.length);
  const startedAt = performance.now();
  await Promise.all(agents.map((agent) => world.makeRoom(agent)));
  await done;
  return performance.now() - startedAt;
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
/** One after the other; the rounds to warm up count from below zero. */
const agentOf = (turn: number, agents: number) => ((turn % agents) + agents) % agents;

const QUESTIONS: Question[] = [
  {
    title: "a conversation opens in a group of so many agents, all free",
    sizes: [50, 500, 5_000],
    crowdOf: (agents) => ({ agents }),
    ask: write,
  },
  {
    title: "the same, nine in ten of them full, with the oldest turns",
    sizes: [50, 500, 5_000],
    crowdOf: (agents) => ({ agents, full: agents * 0.9 }),
    ask: write,
  },
  {
    title: "the same among so many groups, 20 agents who belong to all of them",
    sizes: [1, 100, 1_000],
    crowdOf: (groups) => ({ agents: 20, groups }),
    ask: write,
  },
  {
    title: "one place gets free while so many wait",
    sizes: [50, 5_000, 50_000],
    crowdOf: (waiting) => ({ agents: 20, full: 20, waiting }),
    ask: (world, round) => makeRoom(world, [agentOf(round, 20)]),
  },
  {
    title: "an agent of so many groups gets room for one, and in each of them some wait",
    sizes: [1, 100, 1_000],
    crowdOf: (groups) => ({ agents: 1, full: 1, groups, waiting: 50 }),
    ask: (world) => makeRoom(world, [0]),
  },
  {
    title: "so many agents of 5,000 get room for one at the same instant: each of them",
    sizes: [10, 200, 2_000],
    crowdOf: () => ({ agents: 5_000, full: 5_000, waiting: 50_000 }),
    ask: async (world, round) => {
      const agents = numbers(world.size).map((index) => agentOf(round * world.size + index, 5_000));
      return (await makeRoom(world, agents)) / world.size;
    },
  },
];

/** Whether the cost of one assignment grows with its group, the groups or the queue, end to end on running routers. */
export async function measureSize(scene: BenchScene): Promise<PartResult> {
  const rows: (string | number)[][] = [];
  for (const question of QUESTIONS) rows.push(...(await answer(scene, question)));
  return {
    figures: {},
    tables: [
      {
        title: "Cost with size, ms until the assigned event; against the small case, round by round",
        columns: ["what", "size", "median ms", "× the small case"],
        rows,
      },
    ],
  };
}

async function answer(scene: BenchScene, question: Question): Promise<(string | number)[][]> {
  scene.progress(question.title);
  const worlds: World[] = [];
  for (const size of question.sizes) worlds.push(await createWorld(scene, question, size));
  const times = worlds.map((): number[] => []);
  for (const { round, counts } of scene.rounds(15)) {
    for (const [index, world] of worlds.entries()) {
      const ms = await question.ask(world, round);
      if (counts) times[index]?.push(ms);
    }
  }
  await Promise.all(worlds.flatMap(({ design }) => design.routers.map((router) => router.kill())));
  const small = times[0] ?? [];
  return worlds.map(({ size }, index) => {
    const own = times[index] ?? [];
    return [index === 0 ? question.title : "", size.toLocaleString("en"), median(own), medianRatio(own, small)];
  });
}

async function createWorld(scene: BenchScene, question: Question, size: number): Promise<World> {
  const design = await startOurs(scene, { stored: 0, syncAlways: false, withGateway: false, routers: 1 });
  const { broker, database } = design;
  await writeCrowd(database.sql, question.crowdOf(size));
  let onAssigned: () => void = () => undefined;
  broker.connection.nats.subscribe(EVENT_SUBJECTS, {
    callback: (_, message) => {
      if (message.subject.includes(".conversation.assigned.")) onAssigned();
    },
  });
  const rooms = new Map<number, number>();
  return {
    size,
    design,
    assigned: async (count) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      let left = count;
      onAssigned = () => {
        left -= 1;
        if (left === 0) resolve();
      };
      await promise;
    },
    makeRoom: async (agent) => {
      const room = (rooms.get(agent) ?? 0) + 1;
      rooms.set(agent, room);
      const agentId = agentIdOf(agent);
      const change = { actor: ACTOR, agentId, availability: "available", capacity: FULL + room } as const;
      const reply = await requestCommand(broker.connection, "set-availability", change, { timeoutMs: 60_000 });
      if ("refusal" in reply) throw new LostWork(`the command was refused: ${reply.refusal.message}`);
    },
  };
}
