import { readServiceCpu, readTreeCpu } from "../cpu.ts";
import { startOurs, timeRouter } from "../designs.ts";
import { createTrafficSource } from "../population.ts";
import type { PartResult } from "../results.ts";
import type { BenchScene } from "../scene.ts";
import { median, medianRatio } from "../statistics.ts";

/** The router's cost of a message with ten thousand stored conversations and with a million. */
export async function measureGrowth(scene: BenchScene): Promise<PartResult> {
  const sizes = [scene.size(10_000, 500), scene.size(1_000_000, 5_000)];
  const runs = [];
  for (const stored of sizes) {
    scene.progress(`storing ${stored.toLocaleString("en")} conversations`);
    const design = await startOurs(scene, { stored, syncAlways: true, withGateway: false, routers: 1 });
    runs.push({ stored, design, source: createTrafficSource(stored, 1), wall: [] as number[], cpu: [] as number[] });
  }
  const postgres = await scene.postgres();
  for (const { round, counts } of scene.rounds(7)) {
    scene.progress(`round ${round}`);
    for (const { design, source, wall, cpu } of runs) {
      const traffic = source.take(scene.size(16_000, 300));
      const [router] = design.routers;
      if (router === undefined) throw new Error("no router");
      const look = async () => (await readServiceCpu(router)) + (await readTreeCpu(postgres.pid));
      const before = await look();
      let after = before;
      const seconds = await timeRouter(design, traffic, async () => void (after = await look()));
      if (!counts) continue;
      wall.push((seconds * 1e6) / traffic.messages.length);
      cpu.push((after - before) / traffic.messages.length);
    }
  }
  const [few, many] = runs;
  if (few === undefined || many === undefined) throw new Error("a size is missing");
  return {
    figures: { growthAtMillion: medianRatio(many.wall, few.wall) },
    tables: [
      {
        title: "Router's cost of a message by what is stored",
        columns: ["conversations", "µs a message", "router and Postgres CPU µs a message"],
        rows: [
          ...runs.map(({ stored, wall, cpu }) => [stored, median(wall), median(cpu)]),
          ["many ÷ few", medianRatio(many.wall, few.wall), medianRatio(many.cpu, few.cpu)],
        ],
      },
    ],
  };
}
