import type { Sql } from "@turno/database";
import { addFigures } from "@turno/runtime";
import { addLagFigures, onFigureFailure, type ServiceContext } from "@turno/stateful-service";
import type { Config } from "../config.ts";
import type { TrackerMetrics } from "../metrics.ts";

/** Returns for how long the oldest conversation that is due has waited for a sweep, in seconds; 0 where none is due. */
async function readLateness(sql: Sql): Promise<number> {
  const [row] = await sql<{ seconds: number }[]>`
    select greatest(0, extract(epoch from turno_now() - check_at))::float8 as seconds
    from conversations where state in ('queued', 'active') order by check_at limit 1`;
  return row?.seconds ?? 0;
}

/** Adds what the session tracker reads from the database when somebody asks for its metrics. */
export function addTrackerFigures(context: ServiceContext<Config, TrackerMetrics>): void {
  // Expiry waits for the routers, and this process lives where none of them does.
  addLagFigures(context);
  addFigures<number>(context.metrics.registry, {
    read: () => readLateness(context.sql),
    onFailure: onFigureFailure(context),
    gauges: [
      {
        name: "turno_tracker_late_seconds",
        help: "How long the conversation that is due longest has waited to expire, or for its warning",
        valuesOf: (seconds) => [[{}, seconds]],
      },
    ],
  });
}
