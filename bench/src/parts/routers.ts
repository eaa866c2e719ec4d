import { startOurs, timeRouter, type Design } from "../designs.ts";
import { createTrafficSource, type TrafficSource } from "../population.ts";
import type { PartResult } from "../results.ts";
import type { Scene } from "../scene.ts";
import { median, medianRatio } from "../statistics.ts";

const STORED = 10_000;

/**
 * The same backlog for several routers, each number with a log and a database of its own. The figure is that of routers
 * with one transaction at a time, which leaves a core of two half idle: then the router is the limit, and a second one can
 * show what it adds. As it comes, with two at a time, one router fills both cores of such a machine, and the limit is the
 * machine; both are in the table.
 */
export async function measureRouters(scene: Scene): Promise<PartResult> {
  const stored = scene.size(STORED, 500);
  const settings = [
    { transactions: 1, routers: 1 },
    { transactions: 1, routers: 2 },
    { transactions: 1, routers: 4 },
    { transactions: 2, routers: 1 },
    { transactions: 2, routers: 2 },
  ].filter(({ routers }) => !scene.isQuick || routers < 4);
  const runs: { transactions: number; routers: number; design: Design; source: TrafficSource; rates: number[] }[] = [];
  for (const { transactions, routers } of settings) {
    const routerEnvironment = { TRANSACTIONS_MAX: String(transactions) };
    const options = { stored, syncAlways: true, withGateway: false, routers, routerEnvironment };
    const source = createTrafficSource(stored, runs.length + 1);
    runs.push({ transactions, routers, design: await startOurs(scene, options), source, rates: [] });
  }
  for (const { round, counts } of scene.rounds(7)) {
    scene.progress(`round ${round}`);
    for (const { design, source, rates } of runs) {
      const traffic = source.take(scene.size(16_000, 300));
      const seconds = await timeRouter(design, traffic);
      if (counts) rates.push(traffic.messages.length / seconds);
    }
  }
  const ratesOf = (transactions: number, routers: number) =>
    runs.find((run) => run.transactions === transactions && run.routers === routers)?.rates ?? [];
  return {
    figures: { twoRouters: medianRatio(ratesOf(1, 2), ratesOf(1, 1)) },
    tables: [
      {
        title: "The same backlog with more routers on the same machine",
        columns: ["routers", "transactions at once in each", "messages a second", "× one router", "× one, one at once"],
        rows: runs.map(({ transactions, routers, rates }) => [
          routers,
          transactions,
          median(rates),
          medianRatio(rates, ratesOf(transactions, 1)),
          medianRatio(rates, ratesOf(1, 1)),
        ]),
      },
    ],
  };
}
