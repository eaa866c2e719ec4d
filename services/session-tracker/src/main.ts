import { listTemplates, requestSend, sweepDue } from "@turno/database";
import { runStatefulService, type ServiceContext, type ServiceWork } from "@turno/service";
import { configSchema, type Config } from "./config.ts";
import { createTrackerMetrics, type TrackerMetrics } from "./metrics.ts";
import { createSweeper } from "./sweeper.ts";

/** How many due conversations one transaction takes at most. */
const SWEEP_SIZE_MAX = 500;

function begin(context: ServiceContext<Config, TrackerMetrics>): ServiceWork {
  const { config, metrics, sql, createId, fail } = context;
  const sweeper = createSweeper({
    sweep: () => sweepDue(sql, { warningMinutes: config.WARNING_MINUTES, limit: SWEEP_SIZE_MAX, createId }),
    onSwept: ({ expired, warned }) => {
      metrics.sweeps.inc();
      metrics.expired.inc(expired);
      metrics.warned.inc(warned);
    },
    onFailure: fail("sweep"),
  });
  return {
    commands: {
      send: (request) => requestSend(sql, request, { marginMs: config.SEND_MARGIN_MS, createId }),
      "list-templates": (request) => listTemplates(sql, request),
    },
    obstacles: () => [],
    stop: () => sweeper.stop(),
  };
}

await runStatefulService(
  { name: "session-tracker", environment: process.env, config: configSchema, metrics: createTrackerMetrics() },
  begin,
);
