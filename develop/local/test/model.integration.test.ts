import { createRandom, type Random } from "@turno/simulator";
import { describe, expect, it } from "vitest";
import { chooseCommand } from "./model/model-commands.ts";
import { readBreaches } from "./model/model-invariants.ts";
import { runTwins, TWIN_KINDS } from "./model/model-twins.ts";
import { AGENTS, createModelWorld, OPERATORS, type ModelWorld } from "./model/model-world.ts";

const RUNS = Number(process.env["MODEL_RUNS"] ?? 160);
const SEED = Number(process.env["MODEL_SEED"] ?? 7_919);
const STEPS = 30;
/** How many commands are on their way at once. */
const AT_ONCE = 5;
/** Runs that share a database: what is read to judge them does not grow with all the others. */
const WORLD_RUNS = 80;
const LANES = 2;
const RUNS_BETWEEN_LOOKS = 20;

async function run(world: ModelWorld, random: Random): Promise<void> {
  for (let step = 0; step < STEPS; step += AT_ONCE) {
    const rows = await world.sql<{ id: string }[]>`
      (select id from conversations where state <> 'closed' order by id desc limit 12)
      union all (select id from conversations order by id desc limit 5)`;
    const ids = rows.map(({ id }) => id);
    await Promise.all(Array.from({ length: AT_ONCE }, () => chooseCommand(world, random, ids)()));
  }
}

/** Works through a world's runs, notes in `seen` what happened, and throws where anything is not as it must be. */
async function runWorld(first: number, seen: Set<string>): Promise<void> {
  const world = await createModelWorld();
  try {
    const last = Math.min(first + WORLD_RUNS, RUNS + 1) - 1;
    for (let number = first; number <= last; number++) {
      const random = createRandom(SEED * number);
      await run(world, random);
      const twins = await runTwins(world, random);
      if (twins !== null) seen.add(`twins ${twins}`);
      const isLook = number % RUNS_BETWEEN_LOOKS === 0 || number === last;
      const breaches = isLook ? await readBreaches(world) : {};
      expect({ run: number, seed: SEED, breaches }).toEqual({ run: number, seed: SEED, breaches: {} });
    }
    expect(world.failures).toEqual([]);
    const rows = await world.sql<{ what: string }[]>`
      select distinct type || coalesce(' ' || (data ->> 'how'), ' ' || (data -> 'reason' ->> 'rule'), '') as what from events`;
    for (const { what } of rows) seen.add(what);
  } finally {
    await world.close();
  }
}

const HAPPENINGS = [
  "contact.joined",
  "conversation.accepted",
  "conversation.assigned claim",
  "conversation.assigned returning",
  "conversation.assigned transfer",
  "conversation.assigned turn",
  "conversation.closed closed",
  "conversation.closed finalised",
  "conversation.expired",
  "conversation.joined",
  "conversation.reopened",
  "conversation.transferred",
  "message.requested",
  "ticket.confirmed",
  "ticket.proposed",
  "ticket.rejected",
  ...TWIN_KINDS.map((kind) => `twins ${kind}`),
];

describe(`random commands of ${AGENTS} agents and ${OPERATORS} operators, ${AT_ONCE} at once (${RUNS} runs of ${STEPS} steps, seed ${SEED})`, () => {
  it(
    "keep every invariant, no command fails, and of two same commands at once one wins",
    async () => {
      const seen = new Set<string>();
      const firsts = Array.from({ length: Math.ceil(RUNS / WORLD_RUNS) }, (_, index) => 1 + index * WORLD_RUNS);
      const lane = async () => {
        for (let first = firsts.shift(); first !== undefined; first = firsts.shift()) await runWorld(first, seen);
      };
      const lanes = await Promise.allSettled(Array.from({ length: LANES }, lane));
      for (const { reason } of lanes.filter((ended) => ended.status === "rejected")) throw reason;
      // It was worth it: whatever can happen to a conversation happened.
      expect(HAPPENINGS.filter((what) => !seen.has(what))).toEqual([]);
    },
    Math.max(120_000, RUNS * 1_000),
  );
});
