import { createPause, isDefect, isRetryable, type Pause } from "@turno/runtime";
import type { SendLeases, LeasedSend } from "./lease-sends.ts";
import type { SendOutcome, SendVerdict } from "./record-outcomes.ts";

export interface SendLoopOptions {
  lease(limit: number): Promise<SendLeases>;
  /** Every end of a call is a verdict. What it throws is a defect, and nobody knows how far the call came. */
  call(send: LeasedSend, signal: AbortSignal): Promise<SendVerdict>;
  record(outcomes: readonly SendOutcome[]): Promise<void>;
  /** Hears of a failure, after which it goes on, and of a defect in leasing, with which it ends. */
  onFailure(stage: "claim" | "record", error: unknown): void;
  /** Hears of a defect for which one message becomes unknown: at once in a call, when its lease ends in recording. */
  onDefect(stage: "call" | "record", error: unknown, sendId: string): void;
  inFlightMax: number;
  pollMs: number;
  /** How long a stop waits for calls under way before it gives them up as unknown. */
  drainMs: number;
}

export interface SendLoop {
  /** Something may be due. */
  wake(): void;
  readonly inFlight: number;
  /** Leases nothing more, finishes what is under way, records it. */
  stop(): Promise<void>;
}

/** Two leases come at least this long apart, so that a burst of answers is followed by one lease and not by one each. */
const LEASE_GAP_MS = 10;
/** What a rate holds back is leased a few at a time, and not each in the millisecond in which it fits. */
const RATE_WAIT_MS_MIN = 40;
const RETRY_MS = 250;
const RECORD_BATCH_MAX = 256;
const RECORD_TRIES_ON_STOP = 8;

interface State {
  /** Calls under way and outcomes not yet recorded: what is not recorded holds back the next lease. */
  inFlight: number;
  outcomes: SendOutcome[];
  /** Ends in the same turn in which the last outcome is written, so that none comes between. */
  isRecording: boolean;
  recording: Promise<void>;
  isStopping: boolean;
  isWoken: boolean;
  pause: Pause;
  calls: Set<Promise<void>>;
  abort: AbortController;
}

/**
 * Leases due messages, calls Meta for each, and records what became of them. One lease for as many as there is room for,
 * and one transaction for all outcomes that came while the one before was written. Notifications only wake it: it polls.
 */
export function createSendLoop(options: SendLoopOptions): SendLoop {
  const state: State = {
    inFlight: 0,
    outcomes: [],
    isRecording: false,
    recording: Promise.resolve(),
    isStopping: false,
    isWoken: false,
    pause: createPause(),
    calls: new Set(),
    abort: new AbortController(),
  };
  const running = run(options, state);
  return {
    wake: () => wake(state),
    get inFlight() {
      return state.inFlight;
    },
    stop: async () => {
      state.isStopping = true;
      wake(state);
      await running;
      const timer = setTimeout(() => state.abort.abort(), options.drainMs);
      while (state.calls.size > 0) await Promise.all(state.calls);
      clearTimeout(timer);
      await state.recording;
    },
  };
}

async function run(options: SendLoopOptions, state: State): Promise<void> {
  while (!state.isStopping) {
    state.isWoken = false;
    const startedAt = performance.now();
    const waitMs = await leaseNext(options, state);
    if (!state.isStopping && !state.isWoken && waitMs > 0) await state.pause.wait(waitMs);
    const gapMs = LEASE_GAP_MS - (performance.now() - startedAt);
    if (gapMs > 0 && !state.isStopping) await new Promise((resolve) => setTimeout(resolve, gapMs));
  }
}

/** Leases what there is room for and begins the calls. Returns how long to wait where nothing wakes the loop. */
async function leaseNext(options: SendLoopOptions, state: State): Promise<number> {
  const room = options.inFlightMax - state.inFlight;
  if (room <= 0) return options.pollMs;
  try {
    const { sends, waitMs } = await options.lease(room);
    for (const send of sends) begin(options, state, send);
    if (waitMs === null) return options.pollMs;
    return waitMs <= 0 ? 0 : Math.min(Math.max(waitMs, RATE_WAIT_MS_MIN), options.pollMs);
  } catch (error) {
    options.onFailure("claim", error);
    if (isDefect(error)) state.isStopping = true;
    return RETRY_MS;
  }
}

function begin(options: SendLoopOptions, state: State, send: LeasedSend): void {
  state.inFlight += 1;
  const calling = callAndNote(options, state, send).finally(() => state.calls.delete(calling));
  state.calls.add(calling);
}

async function callAndNote(options: SendLoopOptions, state: State, send: LeasedSend): Promise<void> {
  const { id, attempt } = send;
  const verdict = await options.call(send, state.abort.signal).catch((error: unknown): SendVerdict => {
    options.onDefect("call", error, id);
    return { kind: "unknown", cause: "defect" };
  });
  state.outcomes.push({ id, attempt, verdict });
  if (!state.isRecording) state.recording = record(options, state);
}

async function record(options: SendLoopOptions, state: State): Promise<void> {
  state.isRecording = true;
  while (state.outcomes.length > 0) {
    const batch = state.outcomes.splice(0, RECORD_BATCH_MAX);
    await recordBatch(options, state, batch);
    state.inFlight -= batch.length;
    wake(state);
  }
  state.isRecording = false;
}

/**
 * Tries until it is kept: an outcome that is lost would turn into an unknown one when the lease ends. A sender that stops
 * does not wait for ever for a database that is away. Where a defect meets the batch, or data that
 * cannot be stored, each is recorded for itself.
 */
async function recordBatch(options: SendLoopOptions, state: State, batch: readonly SendOutcome[]): Promise<void> {
  for (let triesOnStop = 0; triesOnStop < RECORD_TRIES_ON_STOP;) {
    try {
      return await options.record(batch);
    } catch (error) {
      if (!isRetryable(error)) {
        const [first] = batch;
        if (first === undefined) return;
        if (batch.length === 1) return options.onDefect("record", error, first.id);
        for (const outcome of batch) await recordBatch(options, state, [outcome]);
        return;
      }
      options.onFailure("record", error);
      if (state.isStopping) triesOnStop += 1;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

function wake(state: State): void {
  state.isWoken = true;
  state.pause.cut();
}
