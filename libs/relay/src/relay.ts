import {
  connectToDatabase,
  createEventMemory,
  OUTBOX_WAKE_UP,
  readDatabaseTimeline,
  type EventMemory,
  type Sql,
} from "@turno/database";
import type { Connection, Publisher } from "@turno/messaging";
import { createPause, Failure, isDefect, type Pause } from "@turno/runtime";
import { createEventEncoder } from "./encode-event.ts";
import type { OnHeld } from "./held-events.ts";
import { takeOver, type Lead } from "./lead.ts";
import { advance, hasMoved, publishNext, type Publishing } from "./publish-next.ts";
import { releaseRelayLock, tryRelayLock } from "./relay-lead.ts";
import { createWatch, type Watch } from "./watch.ts";

/** The part of a relay's work that failed. */
export type RelayStage = "listen" | "look" | "lead" | "publish" | "outbox";

export interface RelayOptions {
  databaseUrl: string;
  /** The timeline on which this process began: the relay publishes no events of another. */
  timeline: string;
  connection: Connection;
  publisher: Publisher;
  /**
   * Called with every failure after which the relay goes on; `isNew` if the try before it did not fail for the
   * same reason. Also called with a defect that follows from no event, with which the relay ends: the process must be
   * started again.
   */
  onFailure: (error: unknown, stage: RelayStage, isNew: boolean) => void;
  /** Called with each event that a defect follows from: it is held back, with all later ones of its entity. */
  onHeld: OnHeld;
  onPublished?: (count: number) => void;
  /** Called when it begins to lead, and with the cause when it no longer does. */
  onLead?: (isLeader: boolean, cause: string) => void;
  /** Called when a refill of the stream begins or goes on, with the most positions that it spans. */
  onRefill?: (positions: number) => void;
  /** Called with each piece of a refill: how many events are queued again. */
  onRefilled?: (count: number, isOver: boolean) => void;
  /** Called with the number of messages in the stream that are not events of this database. */
  onUnknown?: (count: number) => void;
  /** Called when `obstacle` begins, and with null when it is over. */
  onObstacle?: (obstacle: string | null) => void;
}

export interface Relay {
  readonly isLeader: boolean;
  /** Null while any relay publishes; otherwise since when none does, and why. */
  readonly obstacle: string | null;
  /** The number of entities whose events this relay holds back because of a defect. */
  readonly heldEntities: number;
  /** The most events that may wait to be published, and the age of the oldest. */
  readonly waiting: { readonly count: number; readonly seconds: number };
  /** Keeps what this process writes, so that the relay need not read it from the database. */
  readonly memory: EventMemory;
  stop(): Promise<void>;
}

/** An operator deleted events that had still to be published. */
class EventsMissingFailure extends Failure {
  override readonly retryable = false;

  constructor(count: number) {
    super(`${count} events that the outbox names are gone from the database`);
  }
}

/** Polling finds everything; a wake-up only makes it sooner. */
const POLL_MS = 1_000;
/** How long published events stay in the outbox at most: while events come, they go with the look for the next. */
const CLEAR_MS = 50;
const RETRY_MS = 100;
/** How many failures in a row make a relay give up the lead, if another can take it. */
const FAILURES_MAX = 3;
/**
 * Longer than the others take to try, so that a relay whose own way to the broker is blocked does not keep the lead.
 */
const YIELD_MS = 1_500;
const FAILURE_MS = 15_000;

/**
 * Publishes the outbox to `EVENTS`, in order, and removes what the broker has acknowledged. Any number of relays may
 * run: the one that holds the lock leads, another takes over when it stops, dies, is paused or fails.
 *
 * The first message of a batch names the sequence that the stream must have before it, each other one the id of the
 * message before it. So a gap stops all that follow it, and a relay that was paused cannot put an old event behind a
 * newer one. The next takeover finds what a failed batch left in the stream.
 */
export function createRelay(options: RelayOptions): Relay {
  const state: State = {
    isStopping: false,
    lead: null,
    losses: 0,
    stage: "lead",
    failures: 0,
    lastFailure: null,
    isNotified: false,
    pause: createPause(),
    isWaitingForWork: false,
  };
  const sql = connectToDatabase(options.databaseUrl, {
    connectionsMax: 1,
    name: "turno-relay",
    onClose: () => loseLead(options, state, "its database session ended"),
  });
  const listening = connectToDatabase(options.databaseUrl, { connectionsMax: 1, name: "turno-relay-wake" });
  listening
    .listen(OUTBOX_WAKE_UP, () => notify(state))
    .catch((error: unknown) => fail(options, state, error, "listen"));
  // A broker that was away may have lost its tail: taking the lead over looks at the stream before anything goes on.
  options.connection.onStatusChange((isConnected) => {
    loseLead(options, state, isConnected ? "the broker came back and may have lost events" : "the broker went away");
    if (isConnected) state.pause.cut();
  });
  const memory = createEventMemory(() => state.lead !== null);
  const watch = createWatch({
    sql,
    reason: () => state.lastFailure?.text ?? (heldBy(state) > 0 ? HELD : null),
    isLeading: () => state.lead !== null,
    onFailure: (error) => fail(options, state, error, "look"),
    onObstacle: (obstacle) => options.onObstacle?.(obstacle),
  });
  const running = run(options, state, toPublishing(options, state, { sql, memory }));
  return {
    memory,
    get isLeader() {
      return state.lead !== null;
    },
    get obstacle() {
      return watch.obstacle;
    },
    get heldEntities() {
      return heldBy(state);
    },
    get waiting() {
      return watch.waiting;
    },
    stop: () => stop(state, running, { sql, listening, watch }),
  };
}

const HELD = "what waits is held back by a defect, as the log says";
const heldBy = ({ lead }: State) => lead?.held.from.size ?? 0;

async function stop(
  state: State,
  running: Promise<void>,
  parts: { sql: Sql; listening: Sql; watch: Watch },
): Promise<void> {
  state.isStopping = true;
  state.pause.cut();
  await running;
  parts.watch.stop();
  await Promise.all([parts.sql.end({ timeout: 1 }), parts.listening.end({ timeout: 1 })]);
}

interface State {
  isStopping: boolean;
  lead: Lead | null;
  /** How often the lead was lost: nothing from before the last time can be trusted. */
  losses: number;
  stage: RelayStage;
  /** In a row. */
  failures: number;
  lastFailure: { text: string; at: number } | null;
  /** Whether a notification came since the outbox was last read. */
  isNotified: boolean;
  pause: Pause;
  /** Whether it pauses because there is nothing to publish. */
  isWaitingForWork: boolean;
}

function toPublishing(options: RelayOptions, state: State, parts: Pick<Publishing, "sql" | "memory">): Publishing {
  return {
    ...parts,
    encode: createEventEncoder(options.timeline),
    publisher: options.publisher,
    isLeading: (lead) => state.lead === lead,
    onPublished: (count) => options.onPublished?.(count),
    onRefilled: (count, isOver) => options.onRefilled?.(count, isOver),
    onHeld: (error, event) => options.onHeld(error, event),
    onMissing: (count) => options.onFailure(new EventsMissingFailure(count), "outbox", true),
  };
}

async function run(options: RelayOptions, state: State, publishing: Publishing): Promise<void> {
  const { sql } = publishing;
  while (!state.isStopping) {
    try {
      state.stage = "lead";
      state.lead ??= await seekLead(options, state, publishing);
      state.isNotified = false;
      state.stage = "publish";
      const isMore = state.lead !== null && (await publishNext(publishing, state.lead));
      forgetFailures(state);
      if (!isMore) await waitForWork(state);
      if (state.lead !== null && (await hasMoved(options.connection, state.lead))) {
        loseLead(options, state, "the stream is not as this relay left it");
      }
    } catch (error) {
      fail(options, state, error, state.stage);
      loseLead(options, state, "it failed");
      if (isDefect(error)) break;
      await yieldLead(state, sql);
    }
  }
  // What it does not live to take off the outbox the next relay finds in the stream.
  if (state.lead !== null)
    await advance(sql, state.lead, 0).catch((error: unknown) => fail(options, state, error, "outbox"));
}

function fail(options: RelayOptions, state: State, error: unknown, stage: RelayStage): void {
  state.failures += 1;
  const reason = error instanceof Error ? error.message : String(error);
  const text = `${stage} failed: ${reason}`;
  const isNew = text !== state.lastFailure?.text;
  state.lastFailure = { text, at: performance.now() };
  options.onFailure(error, stage, isNew);
}

/** Forgets failures: at once if the relay leads and publishes, after a while if it does not lead. */
function forgetFailures(state: State): void {
  const { lastFailure, lead } = state;
  if (lastFailure === null || (lead === null && performance.now() - lastFailure.at < FAILURE_MS)) return;
  state.failures = 0;
  state.lastFailure = null;
}

function loseLead(options: RelayOptions, state: State, cause: string): void {
  if (state.lead !== null) options.onLead?.(false, cause);
  state.lead = null;
  state.losses += 1;
}

async function seekLead(options: RelayOptions, state: State, { sql, memory }: Publishing): Promise<Lead | null> {
  const { losses } = state;
  if (!(await tryRelayLock(sql))) return null;
  // Else events of this timeline would go out under the name of another.
  await readDatabaseTimeline(sql, options.timeline);
  memory.clear();
  const lead = await takeOver({
    sql,
    connection: options.connection,
    isWanted: () => losses === state.losses && !state.isStopping,
    onUnknown: (count) => options.onUnknown?.(count),
    onRefill: ({ after, to }) => options.onRefill?.(to - after),
  });
  if (lead !== null) options.onLead?.(true, "it holds the lock");
  return lead;
}

async function yieldLead(state: State, sql: Sql): Promise<void> {
  if (state.failures < FAILURES_MAX) return pauseFor(state, RETRY_MS);
  // Where the session is gone, the lock is too.
  await releaseRelayLock(sql).catch(() => undefined);
  await pauseFor(state, YIELD_MS);
}

function notify(state: State): void {
  state.isNotified = true;
  if (state.isWaitingForWork) state.pause.cut();
}

/** Waits for work. Only the leading relay is woken; the others try to take the lead from time to time. */
async function waitForWork(state: State): Promise<void> {
  if (state.lead !== null && state.isNotified) return;
  state.isWaitingForWork = state.lead !== null;
  await pauseFor(state, (state.lead?.publishedRows.length ?? 0) > 0 ? CLEAR_MS : POLL_MS);
  state.isWaitingForWork = false;
}

async function pauseFor(state: State, waitMs: number): Promise<void> {
  if (!state.isStopping) await state.pause.wait(waitMs);
}
