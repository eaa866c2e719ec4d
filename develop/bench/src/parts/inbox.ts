import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readServiceCpu, readTreeCpu } from "../cpu.ts";
import { createCaller } from "../inbox/caller.ts";
import { CONVERSATIONS_PER_TICKET, PEOPLE, populateInbox } from "../inbox/inbox-population.ts";
import { createListLooks, createReadLooks, createSearchLooks, type Callers, type Look } from "../inbox/looks.ts";
import { explainRequests, keepPlans, type Work } from "../inbox/plans.ts";
import { shelve } from "../inbox/searches.ts";
import { drawTickets, type TicketText } from "../inbox/ticket-text.ts";
import type { BenchOptions } from "../options.ts";
import type { DetailTable, PartResult } from "../results.ts";
import type { BenchBroker, Database, BenchScene } from "../scene.ts";
import { median, quantile } from "../statistics.ts";

/** As many as are allowed: no caller is held back, what is measured is what a request takes. */
const ENVIRONMENT = { LOCAL_ISSUER: "on", RATE_PER_SECOND: "100000", RATE_BURST: "100000" };

/** How long people wait for lists, reads and searches with a million conversations and 200,000 tickets, over HTTP. */
export async function measureInbox(scene: BenchScene, { plansFolder }: BenchOptions): Promise<PartResult> {
  const conversations = scene.size(1_000_000, 5_000);
  const [broker, database] = await Promise.all([scene.startBroker({ syncAlways: true }), scene.createDatabase()]);
  const { sql } = database;
  await keepPlans(scene, sql);
  scene.progress(`storing ${conversations.toLocaleString("en")} conversations`);
  const tickets = drawTickets(conversations / CONVERSATIONS_PER_TICKET);
  await populateInbox(sql, conversations, tickets);
  return lookAtAll(scene, { broker, database, tickets, plansFolder });
}

async function lookAtAll(
  scene: BenchScene,
  world: { broker: BenchBroker; database: Database; tickets: readonly TicketText[]; plansFolder: string | null },
): Promise<PartResult> {
  const { broker, database, tickets, plansFolder } = world;
  const { sql } = database;
  const environment = { NATS_URL: broker.url, DATABASE_URL: database.url, ...ENVIRONMENT };
  const inbox = await scene.startService("inbox", environment);
  const router = await scene.startService("router", environment);
  const as = (agentId: string) => createCaller(inbox.url, agentId);
  const callers: Callers = {
    agent: await as(PEOPLE.agent),
    operator: await as(PEOPLE.operator),
    admin: await as(PEOPLE.admin),
  };
  scene.progress("turning pages, checking what they hold");
  const looks = [
    ...(await createListLooks(sql, callers, scene.isQuick ? [100] : [100, 1_000])),
    ...(await createReadLooks(sql)),
    ...(await createSearchLooks(sql, callers, shelve(tickets))),
  ];
  scene.progress("explaining");
  const requests = looks.map(
    ({ person, paths }) =>
      () =>
        callers[person].get(paths[0] ?? ""),
  );
  const works = await explainRequests(sql, requests);
  if (plansFolder !== null) await writePlans(plansFolder, looks, works);
  scene.progress("measuring");
  const postgres = await scene.postgres();
  const sizes = { warmUp: scene.size(10, 0), block: scene.size(100, 2), blocks: scene.size(3, 1) };
  const costs = await measure(callers, looks, sizes, async () => {
    const services = await Promise.all([inbox, router].map(readServiceCpu));
    return (await readTreeCpu(postgres.pid)) + services.reduce((sum, micros) => sum + micros, 0);
  });
  return { figures: {}, tables: [toTable(looks, costs, works)] };
}

interface Cost {
  /** Of each request, milliseconds until its answer was read. */
  times: number[];
  /** What they took of processors altogether, in the services and in Postgres, which other programs do not slow down. */
  cpuMicros: number;
}

/** In blocks of one look after the other, three times, so that what slows the machine for a while slows all looks a little. */
async function measure(
  callers: Callers,
  looks: readonly Look[],
  sizes: { warmUp: number; block: number; blocks: number },
  readCpu: () => Promise<number>,
): Promise<Cost[]> {
  const costs = looks.map((): Cost => ({ times: [], cpuMicros: 0 }));
  for (let block = 0; block < sizes.blocks; block++) {
    for (const [index, { person, paths }] of looks.entries()) {
      const ask = async (count: number) => (await callers[person].get(paths[count % paths.length] ?? "")).ms;
      for (let count = 0; count < sizes.warmUp; count++) await ask(count);
      const { times } = costs[index] as Cost;
      const before = await readCpu();
      for (let count = 0; count < sizes.block; count++) times.push(await ask(count));
      (costs[index] as Cost).cpuMicros += (await readCpu()) - before;
    }
  }
  return costs;
}

function toTable(looks: readonly Look[], costs: readonly Cost[], works: readonly Work[]): DetailTable {
  const cpuOf = (index: number) => (costs[index]?.cpuMicros ?? 0) / (costs[index]?.times.length ?? 1) / 1000;
  const rows = looks.map(({ name, person, against }, index) => {
    const { times } = costs[index] as Cost;
    const first = looks.findIndex((look) => look.name === against && look.person === person);
    const ratio = first === -1 ? "" : cpuOf(index) / cpuOf(first);
    const { pages, rows: read, by } = works[index] as Work;
    return [name, person, median(times), quantile(times, 0.99), cpuOf(index), ratio, pages, read, by.join(" ")];
  });
  const columns = ["what", "by", "median ms", "p99 ms", "CPU ms", "CPU ÷ first page", "database pages", "rows read"];
  return { title: "Lists, reads and searches over HTTP", columns: [...columns, "by index"], rows };
}

async function writePlans(folder: string, looks: readonly Look[], works: readonly Work[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  const text = looks.map(({ name, person, paths }, index) => {
    return `## ${name}, by ${person}\n\nGET ${paths[0]}\n\n${works[index]?.text ?? ""}\n`;
  });
  await writeFile(join(folder, "inbox-plans.txt"), text.join("\n"));
}
