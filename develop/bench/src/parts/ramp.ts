import { STREAMS } from "@turno/contracts";
import { readLogEnd } from "@turno/messaging";
import { setTimeout as pause } from "node:timers/promises";
import { readMemory } from "../cpu.ts";
import { startOurs, toRequests, type Design } from "../designs.ts";
import { checkPositions, eventCountOf, eventsEnd, LostWork, waitUntil } from "../ledger.ts";
import { createLoader, type Loader } from "../load.ts";
import { createTrafficSource, type TrafficSource } from "../population.ts";
import type { DetailTable, PartResult } from "../results.ts";
import type { BenchScene } from "../scene.ts";
import { median, quantile } from "../statistics.ts";

const CONNECTIONS = 64;
const STORED = 10_000;
const FIRST_RATE = 1_000;
const STEP = 1.25;
/** The load that is held is a little below the one at which the search ended: a machine that runs at its very limit falls behind at the first hiccup. */
const MARGIN = 0.9;
const TRIES = 4;
const TICK_MS = 10;

interface Sample {
  second: number;
  /** Events that the messages sent so far are still to have. */
  lag: number;
  unposted: number;
  memory: number[];
}

interface Load {
  design: Design;
  loader: Loader;
  source: TrafficSource;
  sent: number;
  events: number;
  eventsBefore: number;
  failure: Error | null;
  processes: { name: string; pid: number }[];
}

/** Looks for the load that this machine bears, and holds it: the lag must not grow and memory must stay flat. */
export async function measureRamp(scene: BenchScene, minutes: number): Promise<PartResult> {
  const design = await startOurs(scene, {
    stored: scene.size(STORED, 500),
    syncAlways: true,
    withGateway: true,
    routers: 1,
  });
  const loader = await createLoader(design.gateway?.port ?? 0, CONNECTIONS);
  scene.onEnd(() => loader.close());
  const processes = [
    ...[design.gateway, ...design.routers].filter((one) => one !== null),
    { name: "nats-server", pid: design.broker.pid },
  ].map(({ name, pid }) => ({ name, pid }));
  const eventsBefore = await eventsEnd(design.broker.connection);
  const source = createTrafficSource(scene.size(STORED, 500));
  const load: Load = { design, loader, source, sent: 0, events: 0, eventsBefore, failure: null, processes };

  let rate = FIRST_RATE;
  const steps: DetailTable["rows"] = [];
  for (;;) {
    const samples = await hold(load, rate, scene.size(20, 2));
    const isBorne = !isGrowing(samples, rate);
    steps.push([rate, worstLag(samples), isBorne ? "yes" : "no"]);
    scene.progress(`${rate} a second: ${isBorne ? "borne" : "too much"}`);
    await settle(load);
    if (!isBorne || scene.isQuick) break;
    rate = Math.round(rate * STEP);
  }
  let held = Math.round((rate / STEP) * MARGIN);
  let samples: Sample[] = [];
  for (let attempt = 1; ; attempt++) {
    scene.progress(`holding ${held} a second for ${scene.isQuick ? "3 s" : `${minutes} minutes`}`);
    samples = await hold(load, held, scene.isQuick ? 3 : minutes * 60);
    await settle(load);
    if (!isGrowing(samples, held)) break;
    if (attempt === TRIES) throw new LostWork(`the lag grew at ${held} a second`);
    held = Math.round(held * MARGIN);
  }
  await check(load);
  const tables = [
    {
      title: "Looking for the load that is borne",
      columns: ["messages a second", "worst lag, events", "borne"],
      rows: steps,
    },
    heldTable(held, samples, processes),
  ];
  return { figures: {}, tables };
}

/** Posts at a rate, whether answers come or not, and looks once a second. */
async function hold(load: Load, perSecond: number, seconds: number): Promise<Sample[]> {
  const { loader, source, design } = load;
  const samples: Sample[] = [];
  const startedAt = performance.now();
  let [posted, lookAt] = [0, 1];
  const post = (request: Buffer) =>
    loader.post(request).then(
      (status) => void (status === 200 || (load.failure = new LostWork(`a webhook was answered ${status}`))),
      (error: Error) => void (load.failure = error),
    );
  for (;;) {
    const elapsed = (performance.now() - startedAt) / 1000;
    if (elapsed >= seconds) break;
    if (load.failure !== null) throw load.failure;
    const traffic = source.take(Math.floor(elapsed * perSecond) - posted);
    posted += traffic.messages.length;
    load.sent += traffic.messages.length;
    load.events += eventCountOf(traffic);
    for (const request of toRequests(traffic)) void post(request);
    if (elapsed >= lookAt) {
      lookAt += 1;
      const lag = load.events - ((await eventsEnd(design.broker.connection)) - load.eventsBefore);
      const memory = await Promise.all(load.processes.map(({ pid }) => readMemory(pid)));
      samples.push({ second: elapsed, lag, unposted: loader.waiting, memory });
    }
    await pause(TICK_MS);
  }
  return samples;
}

const worstLag = (samples: readonly Sample[]) => Math.max(...samples.map(({ lag }) => lag));

function thirds(samples: readonly Sample[]): [Sample[], Sample[]] {
  const size = Math.max(1, Math.floor(samples.length / 3));
  return [samples.slice(0, size), samples.slice(-size)];
}

/** The last third's lag stands clearly above the first third's, or is more than two seconds' worth of messages. */
function isGrowing(samples: readonly Sample[], perSecond: number): boolean {
  const [first, last] = thirds(samples);
  const lagOf = (part: readonly Sample[]) => median(part.map(({ lag, unposted }) => lag + unposted));
  return lagOf(last) > lagOf(first) * 2 + perSecond / 2 || lagOf(last) > perSecond * 2;
}

async function settle(load: Load): Promise<void> {
  const { connection } = load.design.broker;
  await waitUntil("the lag to be gone", async () => (await eventsEnd(connection)) >= load.eventsBefore + load.events);
}

/** Everything that was sent is stored once and has all of its events, and nothing else has happened. */
async function check({ design, sent, events, eventsBefore }: Load): Promise<void> {
  const { connection } = design.broker;
  const published = (await eventsEnd(connection)) - eventsBefore;
  if (published !== events) throw new LostWork(`${published} events of ${events}`);
  const [stored] = await design.database.sql<{ count: number }[]>`
    select count(*)::int as count from messages where key not like 'msg:wamid.stored%'`;
  if (stored?.count !== sent) throw new LostWork(`${stored?.count} messages stored of ${sent}`);
  await checkPositions(design.database.sql, (await readLogEnd(connection, STREAMS.inbound)).lastSequence);
}

function heldTable(held: number, samples: readonly Sample[], processes: Load["processes"]): DetailTable {
  const [first, last] = thirds(samples);
  const memoryOf = (part: readonly Sample[], index: number) => median(part.map(({ memory }) => memory[index] ?? 0));
  const lags = (part: readonly Sample[]) => part.map(({ lag }) => lag);
  return {
    title: `${held.toLocaleString("en")} messages a second held for ${Math.round(samples.length / 6) / 10} minutes`,
    columns: ["", "first third", "last third"],
    rows: [
      ["lag in events, median", median(lags(first)), median(lags(last))],
      ["lag in events, 99th percentile", quantile(lags(first), 0.99), quantile(lags(last), 0.99)],
      ...processes.map(({ name }, index) => [`${name}, MB`, memoryOf(first, index), memoryOf(last, index)]),
    ],
  };
}
