import { requestCommand } from "@turno/messaging";
import { createSetAside, startLoop } from "@turno/runtime";
import { createClockGuard, runStatefulService, type ServiceContext, type ServiceWork } from "@turno/stateful-service";
import { configSchema, type Config } from "./config.ts";
import { examineClocks } from "./examine-clocks.ts";
import { addTrackerFigures } from "./expiry/add-tracker-figures.ts";
import { sweepDue } from "./expiry/sweep-due.ts";
import { createSweeper } from "./expiry/sweeper.ts";
import { createTrackerMetrics, type TrackerMetrics } from "./metrics.ts";
import { listTemplates } from "./sending-gate/list-templates.ts";
import { requestSend } from "./sending-gate/request-send.ts";
import { startConversation } from "./sending-gate/start-conversation.ts";
import { sayDue } from "./words/say-due.ts";

/** The most due conversations in one transaction. */
const SWEEP_SIZE_MAX = 500;
/** It looks twice a second. If it has not looked for this long, it says so. */
const SILENT_MS_MAX = 8_000;
/** How long a message waits for an account's list of templates: less than anybody waits for the gate's own answer. */
const LIST_MS_MAX = 4_000;
/** How late automatic words are at most, beside the time that it takes, and how many one transaction says. */
const WORDS_EVERY_MS = 250;
const WORDS_MAX = 200;
const ACTOR = { kind: "service", name: "session-tracker" } as const;
const UNTRUSTED = "nothing expires, because the clocks cannot be trusted";

function begin(context: ServiceContext<Config, TrackerMetrics>): ServiceWork {
  const { config, metrics, logger, sql, connection, createId, fail, tellDefect } = context;
  const guard = createClockGuard({
    toleranceMs: config.CLOCK_TOLERANCE_MS,
    onChange: (doubt) => {
      metrics.clockDoubt.set(doubt === null ? 0 : 1);
      if (doubt === null) logger.error("the clocks agree again: what is due expires");
      else logger.error({ doubt }, `${UNTRUSTED}: set them right; if they are right, restart this service`);
    },
  });
  const setAside = createSetAside({
    what: "expiry and warnings",
    onDefect: (error, conversationId) => tellDefect("sweep")(error, { conversationId }),
  });
  const sweeper = createSweeper({
    sweep: () => {
      guard.ask();
      return sweepDue(sql, {
        warningMinutes: config.WARNING_MINUTES,
        limit: SWEEP_SIZE_MAX,
        createId,
        mayTrust: (clocks) => guard.mayTrust(clocks),
        setAside,
      });
    },
    onSwept: ({ expired, warned }) => {
      metrics.sweeps.inc();
      metrics.expired.inc(expired);
      metrics.warned.inc(warned);
    },
    onFailure: fail("sweep"),
  });
  const words = startWords(context);
  const readTemplates = async (accountId: string) => {
    try {
      await requestCommand(connection, "read-templates", { actor: ACTOR, accountId }, { timeoutMs: LIST_MS_MAX });
    } catch (error) {
      // The gate says what is known of the list.
      fail("templates")(error);
    }
  };
  addTrackerFigures(context);
  return {
    commands: {
      send: (request) => requestSend(sql, request, { createId, readTemplates }),
      "start-conversation": (request) => startConversation(sql, request, { createId, readTemplates }),
      "list-templates": (request) => listTemplates(sql, request),
    },
    obstacles: () => {
      const { silentMs } = sweeper;
      const since = new Date(Date.now() - silentMs).toISOString();
      return [
        ...(guard.doubt === null ? [] : [`nothing expires ${guard.doubt}`]),
        ...(silentMs < SILENT_MS_MAX ? [] : [`nothing expires and no warning goes out since ${since}`]),
      ];
    },
    setAside: [setAside, words.setAside],
    examine: async () => ({ checks: await examineClocks(sql, config.CLOCK_TOLERANCE_MS) }),
    stop: async () => {
      await words.stop();
      await sweeper.stop();
    },
  };
}

/** Says what groups say on their own, as soon as it is due. */
function startWords({ metrics, sql, createId, fail, tellDefect }: ServiceContext<Config, TrackerMetrics>) {
  const setAside = createSetAside({
    what: "automatic words",
    onDefect: (error, conversationId) => tellDefect("words")(error, { conversationId }),
  });
  const loop = startLoop({
    run: async () => {
      const said = await sayDue(sql, { limit: WORDS_MAX, createId, setAside });
      for (const one of said) metrics.automaticWords.inc({ ...one });
    },
    pauseMs: WORDS_EVERY_MS,
    onFailure: fail("words"),
  });
  return { setAside, stop: () => loop.stop() };
}

await runStatefulService(
  { name: "session-tracker", environment: process.env, config: configSchema, metrics: createTrackerMetrics() },
  begin,
);
