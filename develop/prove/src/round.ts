import { between, createRandom } from "@turno/simulator";
import { waitFor } from "@turno/testing";
import { setTimeout as pause } from "node:timers/promises";
import type { Fault } from "./fault.ts";
import { acceptedSince, judgeRound, type Judgement } from "./judge.ts";
import { startLoad } from "./load.ts";
import { markRound, type Mark } from "./mark.ts";
import { startOrders } from "./orders.ts";
import { watchRecovery } from "./recovery.ts";
import type { ProveStage } from "./stage.ts";

/** Messages a second while the fault lasts, and while the recovery is timed. */
const BUSY_RATE = 400;
const QUIET_RATE = 100;
const SETTLE_MS_MAX = 60_000;
const DRAIN_MS_MAX = 2_000;
const CUSTOMERS_PER_ROUND = 400;

export interface RoundResult extends Judgement {
  fault: string;
  seed: number;
  recoveryMs: number;
  /** Whether the recovery took longer than it may. */
  isLate: boolean;
  seconds: number;
}

export interface RoundOptions {
  fault: Fault;
  seed: number;
  /** Messages that come in bursts, beside the steady ones. */
  burst: number;
  recoveryMsMax: number;
}

/** Plays one round on a stage: load, the fault, quiet, judgement. What it fails by is one of the things that are broken. */
export async function playRound(stage: ProveStage, options: RoundOptions): Promise<RoundResult> {
  const startedAt = performance.now();
  const played = await playParts(stage, options).catch((error: unknown) => {
    const nothing: Judgement = { messages: 0, lost: [], doubled: [], outOfOrder: [], unfair: [], broken: [] };
    return { ...nothing, broken: [`the round ended early: ${String(error)}`], recoveryMs: Infinity };
  });
  const seconds = (performance.now() - startedAt) / 1000;
  const isLate = played.recoveryMs > options.recoveryMsMax;
  return { ...played, fault: options.fault.name, seed: options.seed, isLate, seconds };
}

async function playParts(
  stage: ProveStage,
  { fault, seed, burst }: RoundOptions,
): Promise<Judgement & { recoveryMs: number }> {
  const random = createRandom(seed);
  const mark = await markRound(stage);
  const first = between(random, 0, stage.simulator.customers.length - CUSTOMERS_PER_ROUND);
  const customers = stage.simulator.customers.slice(first, first + CUSTOMERS_PER_ROUND);
  const load = startLoad(stage.simulator, customers, createRandom(seed + 1));
  const orders = startOrders(stage, createRandom(seed + 2));
  let recoveryMs: number;
  try {
    load.setRate(BUSY_RATE);
    load.burst(Math.floor(burst / 2));
    await pause(between(random, 300, 1_200));
    load.burst(Math.ceil(burst / 2));
    await fault.play({ stage, load, random });
    load.setRate(QUIET_RATE);
    recoveryMs = await watchRecovery(stage, load);
  } finally {
    load.stop();
    await orders.stop();
  }
  const late = await settle(stage, mark);
  const judgement = await judgeRound(stage, mark, orders, fault.excuses);
  if (late !== null) judgement.broken.push(late);
  return { ...judgement, recoveryMs };
}

export const isGood = (result: RoundResult): boolean => isIntact(result) && !result.isLate;

/** Whether nothing is wrong with what came of it, however long it took. */
export const isIntact = ({ lost, doubled, outOfOrder, unfair, broken }: Judgement): boolean =>
  [lost, doubled, outOfOrder, unfair, broken].every((list) => list.length === 0);

/** Waits until nothing is under way any more. Returns what never ended, in words, or null. */
async function settle({ sql, graph, ...stage }: ProveStage, mark: Mark): Promise<string | null> {
  let last = "Meta still has webhooks to deliver";
  const isQuiet = async () => {
    const drained = await Promise.race([graph.drain().then(() => true), pause(DRAIN_MS_MAX).then(() => false)]);
    if (!drained) return false;
    const accepted = acceptedSince(stage, mark).length;
    const [row] = await sql<{ messages: number; outbox: number; sends: number }[]>`
      select (select count(*)::int - ${mark.messages}::int from messages where direction = 'in') as messages,
        (select count(*)::int from outbox) as outbox,
        (select count(*)::int from sends where state in ('waiting', 'sending')) as sends`;
    last = JSON.stringify({ accepted, ...row });
    return row !== undefined && row.messages >= accepted && row.outbox === 0 && row.sends === 0;
  };
  try {
    await waitFor(isQuiet, { what: "all is quiet", timeoutMs: SETTLE_MS_MAX, intervalMs: 50 });
    return null;
  } catch {
    return `after ${SETTLE_MS_MAX / 1000} s it is not quiet: ${last}`;
  }
}
