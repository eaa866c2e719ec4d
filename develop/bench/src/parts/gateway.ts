import { inboundSubject, INBOUND_HEADERS, STREAMS } from "@turno/contracts";
import { readLogEnd, type Connection } from "@turno/messaging";
import { readMetric, readServiceCpu, readTreeCpu } from "../cpu.ts";
import { createTally, LostWork, readRecords } from "../ledger.ts";
import { createLoader, type Loader } from "../load.ts";
import { PLAIN_STREAM, PLAIN_SUBJECT, provisionPlainStream } from "../plain/plain-contract.ts";
import type { PartResult } from "../results.ts";
import { GATEWAY_ENVIRONMENT, pinToCore, type BenchBroker, type MeasuredProcess, type BenchScene } from "../scene.ts";
import { median, medianRatio } from "../statistics.ts";
import { APP_SECRET, createBody, createMessage, createRequest, type CustomerText } from "../webhooks.ts";

const CONNECTIONS = 64;
const BATCH_MESSAGES = 1_000;
/** V8 has not finished compiling a server's hot code before it has served some tens of thousands of requests. */
const WARM_UP_POSTS = 30_000;

/** One server under test; `check` throws unless it did the whole work for these messages. */
interface Variant {
  name: string;
  server: MeasuredProcess;
  loader: Loader;
  broker: BenchBroker | null;
  /** Notes where things stand before a slice, and gives the check to run after it. */
  watch: () => Promise<(posts: number, messages: readonly CustomerText[]) => Promise<void>>;
}

interface Slice {
  cpuMicros: number;
  brokerMicros: number;
  perSecond: number;
}

/** The gateway beside a bare server, a library that stores nothing, and the plain way to store. */
export async function measureGateway(scene: BenchScene): Promise<PartResult> {
  const [relaxed, synced] = [
    await scene.startBroker({ syncAlways: false }),
    await scene.startBroker({ syncAlways: true }),
  ];
  const bare = await bareVariant(scene);
  const library = await libraryVariant(scene);
  const ours = await gatewayVariant(scene, "gateway", relaxed);
  const oursSynced = await gatewayVariant(scene, "gateway, fsync", synced);
  const plainSynced = await plainVariant(scene, "hono + zod + publish each, fsync", synced);
  const variants = [bare, library, ours, oursSynced, plainSynced];

  scene.progress("warming up");
  for (const variant of variants) await warmUp(variant, scene.size(WARM_UP_POSTS, 0));
  scene.progress("one message a POST");
  const single = await playRounds(variants, scene.rounds(9), () => prepare(scene.size(12_000, 300), 1));
  scene.progress("1,000 messages a POST");
  const batches = scene.size(20, 2);
  const many = await playRounds([bare, ours, oursSynced], scene.rounds(7), () => prepare(batches, BATCH_MESSAGES));

  const cpu = (slices: Map<string, Slice[]>, variant: Variant) =>
    (slices.get(variant.name) ?? []).map(({ cpuMicros }) => cpuMicros);
  const rate = (variant: Variant) => (single.get(variant.name) ?? []).map(({ perSecond }) => perSecond);
  return {
    figures: {
      gatewayVsBare: medianRatio(cpu(single, ours), cpu(single, bare)),
      gatewayVsBareFsync: medianRatio(cpu(single, oursSynced), cpu(single, bare)),
      gatewayVsWhatsappApiJs: medianRatio(cpu(single, ours), cpu(single, library)),
      acceptedVsPlainFsync: medianRatio(rate(oursSynced), rate(plainSynced)),
      batchVsBare: medianRatio(cpu(many, ours), cpu(many, bare)),
    },
    tables: [
      detailTable(`One message of 1.2 kB a POST, ${CONNECTIONS} connections`, single, bare),
      detailTable("1,000 messages a POST, one after the other", many, bare),
    ],
  };
}

function detailTable(title: string, slices: Map<string, Slice[]>, bare: Variant) {
  const bareCpu = (slices.get(bare.name) ?? []).map(({ cpuMicros }) => cpuMicros);
  return {
    title,
    columns: ["server", "CPU µs a POST", "× bare", "nats-server µs a POST", "POSTs a second"],
    rows: [...slices].map(([name, rounds]) => [
      name,
      median(rounds.map(({ cpuMicros }) => cpuMicros)),
      medianRatio(
        rounds.map(({ cpuMicros }) => cpuMicros),
        bareCpu,
      ),
      median(rounds.map(({ brokerMicros }) => brokerMicros)),
      median(rounds.map(({ perSecond }) => perSecond)),
    ]),
  };
}

interface Work {
  messages: readonly CustomerText[];
  requests: readonly Buffer[];
}

/** New messages for each round, because JetStream drops what a design publishes twice under one id. */
function prepare(posts: number, messagesPerPost: number): Work {
  const bodies = Array.from({ length: posts }, () =>
    Array.from({ length: messagesPerPost }, (_, sender) => createMessage(sender)),
  );
  return { messages: bodies.flat(), requests: bodies.map((body) => createRequest(createBody(body))) };
}

async function warmUp({ loader, watch }: Variant, posts: number): Promise<void> {
  for (let left = posts; left > 0; left -= 3_000) {
    const work = prepare(Math.min(left, 3_000), 1);
    const check = await watch();
    await loader.flood(work.requests);
    await check(work.requests.length, work.messages);
  }
}

/** Alternates the variants, in another order each round. */
async function playRounds(
  variants: readonly Variant[],
  rounds: ReturnType<BenchScene["rounds"]>,
  next: () => Work,
): Promise<Map<string, Slice[]>> {
  const slices = new Map<string, Slice[]>(variants.map(({ name }) => [name, []]));
  for (const { round, counts } of rounds) {
    const work = next();
    for (let turn = 0; turn < variants.length; turn++) {
      // Rounds that warm up have numbers below one.
      const variant = variants.at((turn + round) % variants.length) as Variant;
      const slice = await playSlice(variant, work);
      if (counts) slices.get(variant.name)?.push(slice);
    }
  }
  return slices;
}

async function playSlice({ server, loader, broker, watch }: Variant, { messages, requests }: Work): Promise<Slice> {
  const check = await watch();
  const brokerCpu = () => (broker === null ? Promise.resolve(0) : readTreeCpu(broker.pid));
  const [cpuBefore, brokerBefore] = [await readServiceCpu(server), await brokerCpu()];
  const isBatch = messages.length > requests.length;
  const startedAt = performance.now();
  if (isBatch) for (const request of requests) await loader.flood([request]);
  else await loader.flood(requests);
  const seconds = (performance.now() - startedAt) / 1000;
  const [cpuAfter, brokerAfter] = [await readServiceCpu(server), await brokerCpu()];
  await check(requests.length, messages);
  return {
    cpuMicros: (cpuAfter - cpuBefore) / requests.length,
    brokerMicros: (brokerAfter - brokerBefore) / requests.length,
    perSecond: requests.length / seconds,
  };
}

async function openLoader(scene: BenchScene, server: MeasuredProcess): Promise<Loader> {
  if (!scene.isQuick) await pinToCore(server.pid, 0);
  const loader = await createLoader(server.port, CONNECTIONS);
  scene.onEnd(() => loader.close());
  return loader;
}

async function countingVariant(
  scene: BenchScene,
  name: string,
  server: MeasuredProcess,
  metric: string,
): Promise<Variant> {
  const loader = await openLoader(scene, server);
  const watch = async () => {
    const before = await readMetric(server, metric);
    return async (posts: number) => {
      const handled = (await readMetric(server, metric)) - before;
      if (handled !== posts) throw new LostWork(`${name} handled ${handled} of ${posts}`);
    };
  };
  return { name, server, loader, broker: null, watch };
}

async function bareVariant(scene: BenchScene): Promise<Variant> {
  return countingVariant(scene, "bare node:http", await scene.startPlain("bare-server"), "plain_webhooks_total");
}

/** It handles the first message of each POST, and no other. */
async function libraryVariant(scene: BenchScene): Promise<Variant> {
  const server = await scene.startPlain("library-server", { APP_SECRET });
  return countingVariant(scene, "whatsapp-api-js", server, "plain_messages_total");
}

async function gatewayVariant(scene: BenchScene, name: string, broker: BenchBroker): Promise<Variant> {
  const server = await scene.startService("gateway", { NATS_URL: broker.url, ...GATEWAY_ENVIRONMENT });
  const subjects = [inboundSubject("message")];
  const place = { connection: broker.connection, stream: STREAMS.inbound, subjects };
  const watch = () => watchStream(name, place, (text) => text.split("\n").map(idOfLine));
  return { name, server, loader: await openLoader(scene, server), broker, watch };
}

async function plainVariant(scene: BenchScene, name: string, broker: BenchBroker): Promise<Variant> {
  await provisionPlainStream(broker.connection);
  const server = await scene.startPlain("plain-gateway", { NATS_URL: broker.url, APP_SECRET });
  const place = { connection: broker.connection, stream: PLAIN_STREAM, subjects: [PLAIN_SUBJECT] };
  const watch = () =>
    watchStream(name, place, (text) => [(JSON.parse(text) as { message: { id: string } }).message.id]);
  return { name, server, loader: await openLoader(scene, server), broker, watch };
}

const idOfLine = (line: string) => (JSON.parse(line) as { update: { id: string } }).update.id;

/** Reads back what was stored during a slice: every message must be there as often as it was sent. */
async function watchStream(
  name: string,
  place: { connection: Connection; stream: string; subjects: string[] },
  idsOf: (text: string) => string[],
) {
  const { connection, stream } = place;
  const after = (await readLogEnd(connection, stream)).lastSequence;
  return async (_: number, messages: readonly CustomerText[]) => {
    const to = (await readLogEnd(connection, stream)).lastSequence;
    const tally = createTally(name);
    await readRecords(connection, { ...place, after, to }, (record) => {
      const ids = idsOf(record.text());
      const announced = record.header(INBOUND_HEADERS.lines);
      if (announced !== "" && Number(announced) !== ids.length) throw new LostWork(`${name}: a record disagrees`);
      for (const id of ids) tally.add(id);
    });
    tally.check(messages.map(({ id }) => id));
  };
}
