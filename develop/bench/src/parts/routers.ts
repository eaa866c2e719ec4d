import { startOurs, timeRouter, type Design } from "../designs.ts";
import { createTrafficSource, type TrafficSource } from "../population.ts";
import type { PartResult } from "../results.ts";
import type { BenchScene } from "../scene.ts";
import { median, medianRatio } from "../statistics.ts";

const STORED = 10_000;

interface Run {
  routers: number;
  transactions: number;
  design: Design;
  source: TrafficSource;
  rates: number[];
}

/**
 * The same backlog for 1, 2 and 4 routers, each number with a log and a database of its own. The figure is that of routers
 * with one transaction at a time, which leave a core of two half idle: then the router is the limit, and a second one can
 * show what it adds. As they come, with three at a time, one router fills both cores of such a machine, and the limit is the
 * machine. Both are in the table.
 */
export async function measureRouters(scene: BenchScene): Promise<PartResult> {
  const single = await playSetting(scene, 1);
  const asTheyCome = await playSetting(scene, 3);
  const ratesOfOne = (runs: readonly Run[]) => runs[0]?.rates ?? [];
  const rows = [single, asTheyCome].flatMap((runs) =>
    runs.map(({ routers, transactions, rates }) => [
      routers,
      transactions,
      median(rates),
      medianRatio(rates, ratesOfOne(runs)),
    ]),
  );
  return {
    figures: { twoRouters: medianRatio(single[1]?.rates ?? [], ratesOfOne(single)) },
    tables: [
      {
        title: "The same backlog with more routers on the same machine",
        columns: ["routers", "transactions at once in each", "messages a second", "× one such router"],
        rows,
      },
    ],
  };
}

async function playSetting(scene: BenchScene, transactions: number): Promise<Run[]> {
  const stored = scene.size(STORED, 500);
  const routerEnvironment = { TRANSACTIONS_MAX: String(transactions) };
  const runs: Run[] = [];
  for (const routers of scene.isQuick ? [1, 2] : [1, 2, 4]) {
    const options = { stored, syncAlways: true, withGateway: false, routers, routerEnvironment };
    const source = createTrafficSource(stored, routers);
    runs.push({ routers, transactions, design: await startOurs(scene, options), source, rates: [] });
  }
  for (const { round, counts } of scene.rounds(7)) {
    scene.progress(`${transactions} transaction(s) at once, round ${round}`);
    for (const { design, source, rates } of runs) {
      const traffic = source.take(scene.size(16_000, 300));
      const seconds = await timeRouter(design, traffic);
      if (counts) rates.push(traffic.messages.length / seconds);
    }
  }
  // Routers with nothing to do look four times a second where the log ends: too many of them would be seen in what follows.
  await Promise.all(runs.flatMap(({ design }) => design.routers.map((router) => router.kill())));
  return runs;
}
