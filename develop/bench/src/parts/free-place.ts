import { EVENT_SUBJECTS, OPEN_USER } from "@turno/contracts";
import { requestCommand } from "@turno/messaging";
import { startOurs } from "../designs.ts";
import { LostWork, waitUntil } from "../ledger.ts";
import { agentIdOf, createTrafficSource } from "../population.ts";
import { toLines } from "../designs.ts";
import type { PartResult } from "../results.ts";
import type { BenchScene } from "../scene.ts";
import { median, quantile } from "../statistics.ts";

const ACTOR = { kind: "service", name: OPEN_USER } as const;

/** From the command that frees a place to the event of its being filled, with a long queue in front of it. */
export async function measureFreePlace(scene: BenchScene): Promise<PartResult> {
  const waiting = scene.size(10_000, 300);
  const [rounds, perRound] = [scene.size(7, 2), scene.size(100, 20)];
  const design = await startOurs(scene, { stored: 0, syncAlways: true, withGateway: false, routers: 1, capacity: 0 });
  const { sql } = design.database;
  scene.progress(`${waiting} conversations begin to wait`);
  await design.prepareFeed(toLines(createTrafficSource(0).take(waiting + rounds * perRound)))();
  const countQueued = async () => {
    const [row] = await sql<
      { count: number }[]
    >`select count(*)::int as count from conversations where state = 'queued'`;
    return row?.count ?? 0;
  };
  await waitUntil("the queue", async () => (await countQueued()) === waiting + rounds * perRound);

  let onAssigned: (agentId: string) => void = () => undefined;
  const { connection } = design.broker;
  connection.nats.subscribe(EVENT_SUBJECTS, {
    callback: (_, message) => {
      if (!message.subject.includes(".conversation.assigned.")) return;
      onAssigned(message.json<{ data: { agentId: string } }>().data.agentId);
    },
  });
  const free = async (agent: number, capacity: number): Promise<number> => {
    const { promise, resolve } = Promise.withResolvers<string>();
    onAssigned = resolve;
    const startedAt = performance.now();
    const change = { actor: ACTOR, agentId: agentIdOf(agent), availability: "available", capacity } as const;
    const reply = requestCommand(connection, "set-availability", change);
    const agentId = await promise;
    const delay = performance.now() - startedAt;
    if ("refusal" in (await reply)) throw new LostWork("the command was refused");
    if (agentId !== agentIdOf(agent)) throw new LostWork("somebody without a place got a conversation");
    return delay;
  };
  const medians: number[] = [];
  const percentiles: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const delays: number[] = [];
    for (let index = 0; index < perRound; index++) {
      const place = round * perRound + index;
      delays.push(await free(place % 20, Math.floor(place / 20) + 1));
    }
    medians.push(quantile(delays, 0.5));
    percentiles.push(quantile(delays, 0.99));
  }
  if ((await countQueued()) !== waiting) throw new LostWork(`${await countQueued()} wait, ${waiting} should`);
  return {
    figures: { freePlaceP50Ms: median(medians), freePlaceP99Ms: median(percentiles) },
    tables: [
      {
        title: `A place becomes free while ${waiting.toLocaleString("en")} wait, ms until the assigned event`,
        columns: ["median", "99th percentile", "worst round's 99th percentile"],
        rows: [[median(medians), median(percentiles), Math.max(...percentiles)]],
      },
    ],
  };
}
