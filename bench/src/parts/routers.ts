import { startOurs, timeRouter } from "../designs.ts";
import { createTrafficSource } from "../population.ts";
import type { PartResult } from "../results.ts";
import type { Scene } from "../scene.ts";
import { median, medianRatio } from "../statistics.ts";

const STORED = 10_000;

/** The same backlog for 1, 2 and 4 routers, each number with a log and a database of its own. */
export async function measureRouters(scene: Scene): Promise<PartResult> {
  const stored = scene.size(STORED, 500);
  const routerCounts = scene.isQuick ? [1, 2] : [1, 2, 4];
  const runs = [];
  for (const routers of routerCounts) {
    const design = await startOurs(scene, { stored, syncAlways: true, withGateway: false, routers });
    runs.push({ routers, design, source: createTrafficSource(stored, routers), rates: [] as number[] });
  }
  for (const { round, counts } of scene.rounds(7)) {
    scene.progress(`round ${round}`);
    for (const { design, source, rates } of runs) {
      const traffic = source.take(scene.size(16_000, 300));
      const seconds = await timeRouter(design, traffic);
      if (counts) rates.push(traffic.messages.length / seconds);
    }
  }
  const one = runs[0]?.rates ?? [];
  return {
    figures: { twoRouters: medianRatio(runs[1]?.rates ?? [], one) },
    tables: [
      {
        title: "The same backlog with more routers on the same machine",
        columns: ["routers", "messages a second", "× one router"],
        rows: runs.map(({ routers, rates }) => [routers, median(rates), medianRatio(rates, one)]),
      },
    ],
  };
}
