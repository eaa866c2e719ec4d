import { configureStage, createStage, SERVICE_ACTOR, STAGE_GROUP, stageAgent, type Stage } from "@turno/testing";
import { afterEach, beforeEach, expect, it } from "vitest";

let stage: Stage;
beforeEach(async () => {
  stage = await createStage();
});
afterEach(() => stage.stop());

const agentOf = (index: number, capacity: number | null) => ({
  id: stageAgent(index),
  name: `Agent ${index}`,
  capacity,
  groupIds: [STAGE_GROUP],
});

it("a capacity that the configuration changes is told as an event, and nothing that stays or is new", async () => {
  await stage.start("router");
  await configureStage(stage, { agents: 2, capacity: 3 });
  const readEvents = () => stage.sql<{ agentId: string; sequence: number; data: object }[]>`
    select entity_id as "agentId", sequence, data from events where type = 'agent.updated' order by position`;
  // Each was made available, which is the first thing told of it.
  expect((await readEvents()).map(({ sequence }) => sequence)).toEqual([1, 1]);

  await stage.command("configure", { agents: [agentOf(1, null), agentOf(0, 3), agentOf(2, 5)] });
  const told = (await readEvents()).slice(2);
  const data = { agentId: stageAgent(1), availability: "available", capacity: null, actor: SERVICE_ACTOR };
  expect(told).toEqual([{ agentId: stageAgent(1), sequence: 2, data }]);

  const reply = { agentId: stageAgent(1), availability: "away" } as const;
  await stage.command("set-availability", reply);
  expect((await readEvents()).at(-1)).toMatchObject({ sequence: 3, data: { ...reply, capacity: null } });
});
