import { addFigures } from "@turno/runtime";
import { addLagFigures, onFigureFailure, type ServiceContext } from "@turno/stateful-service";
import type { Config } from "../config.ts";
import type { RouterMetrics } from "../metrics.ts";
import { readGroupFigures, type GroupFigures } from "./read-group-figures.ts";
import { LETTER_CAUSES, readLetterFigures, type LetterFigure } from "./read-letter-figures.ts";

const ofGroups = (name: string, help: string, valueOf: (group: GroupFigures) => number) => ({
  name,
  help,
  labelNames: ["group", "name"],
  valuesOf: (groups: readonly GroupFigures[]) =>
    groups.map((group) => [{ group: group.id, name: group.name }, valueOf(group)] as const),
});

/** Adds what the router reads from the database when somebody asks for its metrics. */
export function addRouterFigures(context: ServiceContext<Config, RouterMetrics>): void {
  const { sql, metrics } = context;
  const onFailure = onFigureFailure(context);
  addLagFigures(context);
  addFigures<readonly GroupFigures[]>(metrics.registry, {
    read: () => readGroupFigures(sql),
    onFailure,
    gauges: [
      ofGroups(
        "turno_router_queued_conversations",
        "Conversations that wait in a group's queue; counted to 10,000",
        (g) => g.queued,
      ),
      ofGroups(
        "turno_router_queued_oldest_seconds",
        "How long the oldest conversation of a queue waits",
        (g) => g.queuedSeconds,
      ),
      ofGroups(
        "turno_router_unanswered_conversations",
        "Active conversations whose customer waits for an answer; of the first 10,000 active ones",
        (g) => g.unanswered,
      ),
      ofGroups(
        "turno_router_unanswered_oldest_seconds",
        "How long the customer of an active conversation has waited for an answer, at most",
        (g) => g.unansweredSeconds,
      ),
    ],
  });
  addFigures<readonly LetterFigure[]>(metrics.registry, {
    read: () => readLetterFigures(sql),
    onFailure,
    gauges: [
      {
        name: "turno_router_dead_letters",
        help: "Updates that are set aside, by kind of cause; counted to 10,000",
        labelNames: ["cause"],
        valuesOf: (found) =>
          LETTER_CAUSES.map((cause) => [{ cause }, found.find((one) => one.cause === cause)?.count ?? 0]),
      },
    ],
  });
}
