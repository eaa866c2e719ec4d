import { numberRate, type SendRates } from "@turno/conversation";
import { connectToDatabase, SENDS_WAKE_UP, TEMPLATES_WAKE_UP, type MayTrust } from "@turno/database";
import { createSetAside, isDefect, startLoop, type SetAside } from "@turno/runtime";
import { readCircuits } from "../circuits/circuit-commands.ts";
import type { Config } from "../config.ts";
import type { SenderContext } from "../context.ts";
import { readFingerprints } from "../tokens/own-token.ts";
import { callGraph } from "./call-graph.ts";
import { leaseSends, type SendLeases, type LeasedSend } from "./lease-sends.ts";
import { failLapsed, failStale, type LapseOptions } from "./fail-lapsed.ts";
import { readWaitingSends, WAITING_REASONS } from "./read-waiting-sends.ts";
import { recallFutureSends } from "./recall-future-sends.ts";
import { reclaimExpiredLeases } from "./reclaim-expired-leases.ts";
import { recordOutcomes, type RecordOptions, type SendOutcome, type SendVerdict } from "./record-outcomes.ts";
import { createSendLoop } from "./send-loop.ts";
import { settleTimeline } from "./settle-timeline.ts";
import { tidySending } from "./tidy-sending.ts";

export interface Sending {
  /** What its loops leave out because of a defect. */
  readonly setAside: readonly SetAside[];
  readonly inFlight: number;
  stop(): Promise<void>;
}

const TIDY_EVERY_MS = 60 * 60 * 1000;
const STOPPED_EVERY_MS = 5_000;
const TIMELINE_EVERY_MS = 1_000;
/** How long messages wait after the clock was set back. */
const RECALL_EVERY_MS = 5_000;
/** Shorter than the time a service has to drain in all. */
const DRAIN_MS = 20_000;

function ratesOf(config: Config): SendRates {
  return {
    number: numberRate(config.NUMBER_RATE_PER_SECOND),
    // One less than Meta allows: a call that is late there makes the next one early.
    pair: { intervalMs: config.PAIR_INTERVAL_MS, burst: Math.max(1, config.PAIR_BURST - 1) },
  };
}

/**
 * Sends what is due, gives up what dead senders held, and tidies. `onTemplatesDoubtful` hears where Meta did not take a
 * template, or a channel was configured.
 */
export function startSending(
  context: SenderContext,
  { onTemplatesDoubtful }: { onTemplatesDoubtful: () => void },
): Sending {
  const { config, sql, metrics, tokens, tokenKey, tryWaits, limits, clockGuard, createId, fail, tellDefect } = context;
  const rates = ratesOf(config);
  const recordOptions: RecordOptions = { createId, tokenKey, tryWaits, rates };
  const mayTrust: MayTrust = (clocks) => clockGuard.mayTrust(clocks);
  const setAside = createSetAsides(context);
  const lapse = { createId, tokenKey, tryWaits, limits, mayTrust, setAside: setAside.lapse };
  const given = { leaseMs: config.SEND_LEASE_MS, tokenKey, keyIds: tokens.vault.keyIds };
  const request = { ...given, rates, tryWaits, limits, setAside: setAside.claim };
  const loop = createSendLoop({
    lease: (limit) => leaseAndLapse(context, { limit, ...request }, lapse),
    call: (send: LeasedSend, signal) => callTimed(context, send, signal),
    record: (outcomes) => record(context, outcomes, recordOptions, onTemplatesDoubtful),
    onFailure: (stage, error) => fail(stage)(error),
    onDefect: (stage, error, sendId) => tellDefect(stage)(error, { sendId }),
    inFlightMax: config.SENDS_IN_FLIGHT_MAX,
    pollMs: config.SEND_POLL_MS,
    drainMs: DRAIN_MS,
  });
  const listening = connectToDatabase(config.DATABASE_URL, { connectionsMax: 1, name: "turno-sender-wake" });
  listening.listen(SENDS_WAKE_UP, () => loop.wake()).catch(fail("listen"));
  // What was configured before it listens, it did not hear.
  listening.listen(TEMPLATES_WAKE_UP, onTemplatesDoubtful, onTemplatesDoubtful).catch(fail("listen"));
  const upkeep = [
    startLoop({
      run: () => reclaim(context, recordOptions, setAside.reclaim),
      pauseMs: config.SEND_LEASE_MS / 4,
      onFailure: fail("reclaim"),
    }),
    startLoop({
      run: () => recall(context, () => loop.wake()),
      pauseMs: RECALL_EVERY_MS,
      onFailure: fail("recall"),
    }),
    startLoop({
      run: () => settle(context, setAside.settle, () => loop.wake()),
      pauseMs: TIMELINE_EVERY_MS,
      onFailure: fail("timeline"),
    }),
    startLoop({ run: () => tidySending(sql), pauseMs: TIDY_EVERY_MS, onFailure: fail("tidy") }),
    startLoop({ run: () => showStopped(context), pauseMs: STOPPED_EVERY_MS, onFailure: fail("circuits") }),
    startLoop({
      run: async () => {
        clockGuard.ask();
        metrics.lapsed.inc(await failStale(sql, lapse));
      },
      pauseMs: config.SEND_LEASE_MS / 2,
      onFailure: fail("lapse"),
    }),
  ];
  return {
    setAside: Object.values(setAside),
    get inFlight() {
      return loop.inFlight;
    },
    stop: async () => {
      await loop.stop();
      await Promise.all(upkeep.map((each) => each.stop()));
      await listening.end({ timeout: 1 });
    },
  };
}

async function callTimed(
  { config, client, tokens, random, metrics }: SenderContext,
  send: LeasedSend,
  signal: AbortSignal,
): Promise<SendVerdict> {
  const stopTimer = metrics.callSeconds.startTimer();
  const verdict = await callGraph({ client, tokens, retryUnitMs: config.RETRY_UNIT_MS, random }, send, signal);
  stopTimer();
  return verdict;
}

/** Creates one for each loop over messages: what cannot be leased may well fail in another loop. */
function createSetAsides({ tellDefect }: SenderContext) {
  const create = (stage: string, what: string) =>
    createSetAside({ what, onDefect: (error, sendId) => tellDefect(stage)(error, { sendId }) });
  return {
    claim: create("claim", "sending"),
    lapse: create("lapse", "the failing of what waited too long"),
    reclaim: create("reclaim", "the giving up of dead senders' calls"),
    settle: create("timeline", "what ends the pause of sending, which goes on"),
  };
}

/** Leases what may go out, and fails what may not any more. */
async function leaseAndLapse(
  { sql, metrics, clockGuard, fail, tellDefect }: SenderContext,
  request: Parameters<typeof leaseSends>[1],
  lapse: LapseOptions,
): Promise<SendLeases> {
  const lease = await leaseSends(sql, request);
  if (lease.lapsedIds.length === 0) return lease;
  try {
    clockGuard.ask();
    const count = await failLapsed(sql, lease.lapsedIds, lapse);
    metrics.lapsed.inc(count);
    if (count > 0) return lease;
  } catch (error) {
    // What lapsed must not keep the others from going out.
    const tell = isDefect(error) ? tellDefect : fail;
    tell("lapse")(error);
  }
  // What was leased is called in any case. What could not fail is found again by the next lease, which need not come at once.
  return { ...lease, waitMs: null };
}

async function record(
  { sql, metrics, tellCircuits }: SenderContext,
  outcomes: readonly SendOutcome[],
  options: RecordOptions,
  onTemplatesDoubtful: () => void,
): Promise<void> {
  const { counts, circuits } = await recordOutcomes(sql, outcomes, options);
  for (const [outcome, count] of Object.entries(counts)) metrics.calls.inc({ outcome }, count);
  tellCircuits(circuits);
  if (outcomes.some(isTemplateRefused)) onTemplatesDoubtful();
}

function isTemplateRefused({ verdict }: SendOutcome): boolean {
  return verdict.kind === "failed" && verdict.failure.templateStatus !== null;
}

async function reclaim(
  { sql, metrics, logger }: SenderContext,
  options: RecordOptions,
  setAside: SetAside,
): Promise<void> {
  const givenUp = await reclaimExpiredLeases(sql, options, setAside);
  if (givenUp === 0) return;
  metrics.givenUp.inc(givenUp);
  logger.warn({ count: givenUp }, "messages of a sender that died: whether Meta has them is not known");
}

async function settle(
  { sql, logger, createId, tokenKey, tryWaits }: SenderContext,
  setAside: SetAside,
  onSettled: () => void,
): Promise<void> {
  const count = await settleTimeline(sql, { createId, tokenKey, tryWaits }, setAside);
  if (count === null) return;
  logger.warn({ count }, "the database was restored: these messages waited in it, whether Meta has them is not known");
  onSettled();
}

async function recall({ sql, logger }: SenderContext, onRecalled: () => void): Promise<void> {
  const count = await recallFutureSends(sql);
  if (count === 0) return;
  logger.error({ count }, "the database's clock was set back: messages that would have waited for it are due now");
  onRecalled();
}

/** Shows what is stopped and what waits. The circuit of a token that nobody has any more stops nothing. */
async function showStopped({ sql, metrics, tokens, tokenKey }: SenderContext): Promise<void> {
  const [circuits, own, waiting] = await Promise.all([
    readCircuits(sql),
    readFingerprints(sql),
    readWaitingSends(sql, { tokenKey, keyIds: tokens.vault.keyIds }),
  ]);
  for (const scope of ["token", "account", "templates", "number"] as const) {
    const open = circuits.filter(
      ({ scope: of, key }) => of === scope && (of !== "token" || key === tokenKey || own.has(key)),
    );
    metrics.circuits.set({ scope }, open.length);
  }
  for (const reason of WAITING_REASONS) {
    const found = waiting.find((one) => one.reason === reason);
    metrics.waiting.set({ reason }, found?.count ?? 0);
    metrics.waitingOldest.set({ reason }, found?.oldestSeconds ?? 0);
  }
}
