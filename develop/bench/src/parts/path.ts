import { readServiceCpu, readTreeCpu } from "../cpu.ts";
import { startOurs, startPlainDesign, timeUntilEvents, toRequests, type Design } from "../designs.ts";
import { createLoader, type Loader } from "../load.ts";
import { createTrafficSource } from "../population.ts";
import type { PartResult } from "../results.ts";
import type { BenchScene } from "../scene.ts";
import { median, medianRatio } from "../statistics.ts";

const CONNECTIONS = 64;
const STORED = 10_000;

/** Microseconds of processor time a message, by process. */
interface Round {
  perSecond: number;
  gateway: number;
  router: number;
  broker: number;
  database: number;
  generator: number;
}

/** From the POST to the last event, everything running, as fast as it goes; beside the plain design. */
export async function measurePath(scene: BenchScene): Promise<PartResult> {
  const stored = scene.size(STORED, 500);
  const options = { stored, syncAlways: true, withGateway: true };
  const designs = [
    { design: await startOurs(scene, { ...options, routers: 1 }), count: scene.size(16_000, 300) },
    { design: await startPlainDesign(scene, options), count: scene.size(2_500, 80) },
  ];
  const runs = await Promise.all(
    designs.map(async ({ design, count }, index) => {
      const loader = await createLoader(design.gateway?.port ?? 0, CONNECTIONS);
      scene.onEnd(() => loader.close());
      return { design, count, loader, source: createTrafficSource(stored, index + 1), rounds: [] as Round[] };
    }),
  );
  for (const { round, counts } of scene.rounds(7)) {
    scene.progress(`round ${round}`);
    for (const run of runs) {
      const played = await playRound(scene, run.design, run.loader, run.source.take(run.count));
      if (counts) run.rounds.push(played);
    }
  }
  const [ours, plain] = runs;
  if (ours === undefined || plain === undefined) throw new Error("a design is missing");
  const rates = ({ rounds: played }: { rounds: Round[] }) => played.map(({ perSecond }) => perSecond);
  return {
    figures: { pathVsPlainFsync: medianRatio(rates(ours), rates(plain)) },
    tables: [
      {
        title: "Whole path, sustained: POST, log, transaction, events; fsync before the 200",
        columns: [
          "design",
          "messages a second",
          "gateway µs",
          "router µs",
          "nats-server µs",
          "Postgres µs",
          "generator µs",
        ],
        rows: runs.map(({ design, rounds: played }) => [
          design.name,
          ...(["perSecond", "gateway", "router", "broker", "database", "generator"] as const).map((key) =>
            median(played.map((one) => one[key])),
          ),
        ]),
      },
    ],
  };
}

async function playRound(
  scene: BenchScene,
  design: Design,
  loader: Loader,
  traffic: ReturnType<ReturnType<typeof createTrafficSource>["take"]>,
): Promise<Round> {
  const requests = toRequests(traffic);
  const [router] = design.routers;
  const { gateway } = design;
  if (router === undefined || gateway === null) throw new Error("a process is missing");
  const postgres = await scene.postgres();
  const look = async () => ({
    gateway: await readServiceCpu(gateway),
    router: await readServiceCpu(router),
    broker: await readTreeCpu(design.broker.pid),
    database: await readTreeCpu(postgres.pid),
    generator: process.cpuUsage().user + process.cpuUsage().system,
  });
  const before = await look();
  let after = before;
  const seconds = await timeUntilEvents(design, traffic, {
    send: () => loader.flood(requests),
    // The check reads everything back, which is not part of the work.
    onLastEvent: async () => void (after = await look()),
  });
  const count = requests.length;
  const spent = (key: keyof typeof before) => (after[key] - before[key]) / count;
  return {
    perSecond: count / seconds,
    gateway: spent("gateway"),
    router: spent("router"),
    broker: spent("broker"),
    database: spent("database"),
    generator: spent("generator"),
  };
}
