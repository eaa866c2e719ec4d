import type { Connection } from "@turno/messaging";
import { createCustomers, createRandom, createSimulator, type Simulator } from "@turno/simulator";
import { followActivity } from "./activity.ts";
import { renderPanel, renderSummary } from "./panel.ts";
import { createLineLimit, type Screen } from "./screen.ts";
import { CHANNELS } from "./seed.ts";

const CUSTOMERS_COUNT = 20_000;
const REDRAW_MS = 1000;
const SUMMARY_EVERY = 5;
/** One customer in so many writes to the manual group, whose queue waits for a person to claim. */
const BILLING_ONE_IN = 8;

function channelOf({ phoneNumberId }: { phoneNumberId: string }, displayPhoneNumber: string) {
  return { accountId: "102290129340398", phoneNumberId, displayPhoneNumber };
}

/** Customers who write at a steady rate. A new seed for each start: these are other people than those of the last one. */
export function startTraffic(options: {
  gatewayUrl: string;
  appSecret: string;
  rate: number;
  seed: number;
}): Simulator {
  const support = channelOf(CHANNELS.support, "15550100001");
  const channels = [
    ...Array.from({ length: BILLING_ONE_IN - 1 }, () => support),
    channelOf(CHANNELS.billing, "15550100002"),
  ];
  const random = createRandom(options.seed);
  const simulator = createSimulator({
    url: `${options.gatewayUrl}/webhooks/whatsapp`,
    appSecret: options.appSecret,
    random,
    now: Date.now,
    customers: createCustomers({
      count: CUSTOMERS_COUNT,
      firstIndex: (options.seed % 4000) * CUSTOMERS_COUNT,
      random: createRandom(options.seed + 1),
    }),
    channels,
    delivery: { repeatShare: 0.02 },
  });
  simulator.steady({ perSecond: options.rate });
  return simulator;
}

export interface LiveFlow {
  stop(): void;
}

/** Shows what happens until stopped: each assignment as a line, and the state as a panel or a summary. */
export async function showLiveFlow(options: {
  connection: Connection;
  screen: Screen;
  simulator: Simulator | null;
  routerUrl: () => string;
}): Promise<LiveFlow> {
  const { connection, screen, simulator } = options;
  const startedAt = performance.now();
  const limit = createLineLimit((line) => screen.log(line));
  const feed = followActivity(connection, (line) => limit.add(line));
  await feed.refresh(options.routerUrl());
  let ticks = 0;
  let isRefreshing = false;
  const tick = async () => {
    if (isRefreshing) return;
    isRefreshing = true;
    await feed.refresh(options.routerUrl());
    isRefreshing = false;
    limit.tick();
    const traffic = simulator?.stats() ?? null;
    screen.panel(renderPanel(feed.activity, traffic, performance.now() - startedAt));
    if (!screen.isTerminal && ++ticks % SUMMARY_EVERY === 0) screen.log(renderSummary(feed.activity, traffic));
  };
  const timer = setInterval(() => void tick(), REDRAW_MS);
  return {
    stop: () => {
      clearInterval(timer);
      feed.stop();
      screen.end();
    },
  };
}
