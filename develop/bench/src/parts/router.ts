import { readServiceCpu, readTreeCpu } from "../cpu.ts";
import { startOurs, startPlainDesign, timeRouter, type Design } from "../designs.ts";
import { createRawInsert } from "../plain/raw-insert.ts";
import { createTrafficSource, type BenchTraffic } from "../population.ts";
import type { PartResult } from "../results.ts";
import type { BenchScene } from "../scene.ts";
import { median, medianRatio } from "../statistics.ts";

/** Conversations that are there already. */
const STORED = 10_000;

interface Round {
  perSecond: number;
  routerMicros: number;
  brokerMicros: number;
}

/** The router beside one transaction per message and beside a bare insert of the same rows. */
export async function measureRouter(scene: BenchScene): Promise<PartResult> {
  const stored = scene.size(STORED, 500);
  const ours = await startOurs(scene, { stored, syncAlways: true, withGateway: false, routers: 1 });
  const plain = await startPlainDesign(scene, { stored, syncAlways: true, withGateway: false });
  const insert = await createRawInsert(scene, stored);
  const [source, plainSource] = [createTrafficSource(stored, 1), createTrafficSource(stored, 2)];
  const results = { ours: [] as Round[], plain: [] as Round[], messageRows: [] as number[], allRows: [] as number[] };

  for (const { round, counts } of scene.rounds(7)) {
    scene.progress(`round ${round}`);
    const traffic = source.take(scene.size(16_000, 300));
    const fast = await playRound(ours, traffic);
    const plainTraffic = plainSource.take(scene.size(2_500, 80));
    const slow = await playRound(plain, plainTraffic);
    const rows = await insert.copyRows(ours.database, traffic);
    const messageRows = await insert.time(rows, ["messages"]);
    const allRows = await insert.time(rows, insert.tables);
    if (!counts) continue;
    results.ours.push(fast);
    results.plain.push(slow);
    results.messageRows.push(traffic.messages.length / messageRows);
    results.allRows.push(traffic.messages.length / allRows);
  }

  const rates = (list: readonly Round[]) => list.map(({ perSecond }) => perSecond);
  const row = (name: string, list: readonly Round[]) => [
    name,
    median(rates(list)),
    median(list.map(({ routerMicros }) => routerMicros)),
    median(list.map(({ brokerMicros }) => brokerMicros)),
  ];
  return {
    figures: {
      routerVsPlain: medianRatio(rates(results.ours), rates(results.plain)),
      routerVsInsert: medianRatio(rates(results.ours), results.allRows),
    },
    tables: [
      {
        title: `Router, ${stored.toLocaleString("en")} conversations stored, a quarter of the messages from new customers`,
        columns: ["design", "messages a second", "router CPU µs a message", "nats-server CPU µs a message"],
        rows: [
          row("router, with its events and position", results.ours),
          row("one transaction per message, 8 at a time, outbox polled", results.plain),
          ["raw insert of the same rows of all tables", median(results.allRows), "–", "–"],
          ["raw insert of the message rows only", median(results.messageRows), "–", "–"],
          [
            "router ÷ raw insert of the message rows only",
            medianRatio(rates(results.ours), results.messageRows),
            "–",
            "–",
          ],
        ],
      },
    ],
  };
}

async function playRound(design: Design, traffic: BenchTraffic): Promise<Round> {
  const [router] = design.routers;
  if (router === undefined) throw new Error("no router");
  const look = async () => ({ router: await readServiceCpu(router), broker: await readTreeCpu(design.broker.pid) });
  const before = await look();
  let after = before;
  const seconds = await timeRouter(design, traffic, async () => void (after = await look()));
  const messages = traffic.messages.length;
  return {
    perSecond: messages / seconds,
    routerMicros: (after.router - before.router) / messages,
    brokerMicros: (after.broker - before.broker) / messages,
  };
}
