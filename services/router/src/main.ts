import { GROUPS_WAKE_UP } from "@turno/database";
import { INBOUND_STREAM } from "@turno/messaging";
import { createSetAside } from "@turno/runtime";
import { runStatefulService, type ServiceContext, type ServiceWork } from "@turno/stateful-service";
import { createAssigner } from "./assigner.ts";
import { assignQueued } from "./assignment/assign-queued.ts";
import { listWaitingGroups } from "./assignment/list-waiting-groups.ts";
import { requeueDue } from "./assignment/requeue-due.ts";
import { createCommandHandlers } from "./commands.ts";
import { configSchema, type Config } from "./config.ts";
import { judgeConfiguration, readConfigurationFacts } from "./configuration/examine-configuration.ts";
import { overflow } from "./hours/overflow.ts";
import { watchHours } from "./hours/watch-hours.ts";
import { readInbound } from "./inbound/read-inbound.ts";
import { addRouterFigures } from "./figures/add-figures.ts";
import { addRouterGauges, createRouterMetrics, type RouterMetrics } from "./metrics.ts";
import { createRequeuer } from "./requeuer.ts";
import { createTurnstile } from "./turnstile.ts";

/**
 * How many commands are answered at once. They share the pool of connections with the inbound log, which a burst of
 * them must not stop.
 */
const COMMANDS_AT_ONCE_MAX = 3;

async function begin(context: ServiceContext<Config, RouterMetrics>): Promise<ServiceWork> {
  const { metrics, logger, connection, sql, relay, createId, fail, tellDefect } = context;
  let holdsFirstPartition = false;
  const assigner = createAssigner({
    selectWaiting: (groupIds) => listWaitingGroups(sql, groupIds),
    assign: (groupId) => assignQueued(sql, groupId, createId, relay.memory),
    onAssigned: (count) => metrics.assigned.inc(count),
    onFailure: fail("assign"),
    onDefect: tellDefect("assign"),
  });
  const assignAllWaiting = () => {
    listWaitingGroups(sql).then((groupIds) => assigner.trigger(groupIds), fail("assign"));
  };
  const inbound = readInbound(context, {
    queued: (groupIds) => assigner.trigger(groupIds),
    partitionsChange: (partitions) => {
      logger.info({ partitions: partitions.length }, "holds partitions");
      holdsFirstPartition = partitions.includes(0);
      // Their last holder may have died between a conversation's opening and its assignment.
      assignAllWaiting();
    },
  });
  const setAside = createSetAside({
    what: "going back to the queue",
    onDefect: (error, conversationId) => tellDefect("requeue")(error, { conversationId }),
  });
  const requeuer = createRequeuer({
    isLooking: () => holdsFirstPartition,
    requeue: (look) => requeueDue(sql, { ...look, createId, setAside }),
    onRequeued: (count) => metrics.requeued.inc(count),
    onFailure: fail("requeue"),
  });
  const hours = watchHours(sql, {
    isLooking: () => holdsFirstPartition,
    begin: (groupIds) => assigner.trigger(groupIds),
    overflow: (look) => overflow(sql, { ...look, createId }),
    onOverflowed: (count) => metrics.overflowed.inc(count),
    onFailure: fail("hours"),
  });
  addRouterGauges(metrics.registry, inbound, relay);
  addRouterFigures(context);
  // What frees a place or puts something back into a queue wakes every router; who comes second finds nothing left to give.
  await sql.listen(GROUPS_WAKE_UP, (groupId) => assigner.trigger([groupId]), assignAllWaiting);
  return {
    admit: createTurnstile(COMMANDS_AT_ONCE_MAX).enter,
    commands: createCommandHandlers(sql, {
      trigger: (groupIds) => assigner.trigger(groupIds),
      createId,
      connection,
      onDefect: tellDefect("retry of a dead letter"),
    }),
    obstacles: () => {
      const { stuckSince } = inbound.status();
      return stuckSince === null ? [] : [`no customer's message takes effect since ${stuckSince.toISOString()}`];
    },
    setAside: [setAside],
    examine: async () => ({ checks: judgeConfiguration(await readConfigurationFacts(sql)) }),
    stop: async () => {
      await inbound.stop();
      await requeuer.stop();
      await hours.stop();
      await assigner.stop();
    },
  };
}

await runStatefulService(
  {
    name: "router",
    environment: process.env,
    config: configSchema,
    metrics: createRouterMetrics(),
    streams: [INBOUND_STREAM],
  },
  begin,
);
