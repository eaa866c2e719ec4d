import type { Connection } from "@turno/messaging";
import { followActivity, type Activity } from "./activity.ts";
import type { LocalClock } from "./clock.ts";
import { renderPanel, renderSummary, type ShownTraffic } from "./panel.ts";
import { createLineLimit, type Screen } from "./screen.ts";

const REDRAW_MS = 1000;
const SUMMARY_EVERY = 5;

export interface LiveFlow {
  readonly activity: Activity;
  stop(): void;
}

/** Shows what happens until stopped: what is worth a line as a line, and the state as a panel or a summary. */
export async function showLiveFlow(options: {
  connection: Connection;
  screen: Screen;
  clock: LocalClock;
  traffic: () => ShownTraffic;
  routerUrl: () => string;
}): Promise<LiveFlow> {
  const { connection, screen, clock } = options;
  const limit = createLineLimit((line) => screen.log(line));
  const feed = followActivity(connection, ({ line, isRare }) => (isRare ? screen.log(line) : limit.add(line)));
  await feed.refresh(options.routerUrl());
  let ticks = 0;
  let isRefreshing = false;
  const tick = async () => {
    if (isRefreshing) return;
    isRefreshing = true;
    await feed.refresh(options.routerUrl());
    isRefreshing = false;
    limit.tick();
    const traffic = options.traffic();
    screen.panel(renderPanel(feed.activity, traffic, { nowMs: clock.now(), speed: clock.speed }));
    if (!screen.isTerminal && ++ticks % SUMMARY_EVERY === 0) screen.log(renderSummary(feed.activity, traffic));
  };
  const timer = setInterval(() => void tick(), REDRAW_MS);
  return {
    activity: feed.activity,
    stop: () => {
      clearInterval(timer);
      feed.stop();
      screen.end();
    },
  };
}
