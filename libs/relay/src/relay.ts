import { STREAMS } from "@turno/contracts";
import {
  connectToDatabase,
  createEventMemory,
  OUTBOX_CHANNEL,
  readEvents,
  readDatabaseTimeline,
  tryRelayLock,
  turnOutbox,
  type EventMemory,
  type OutboxRow,
  type Sql,
  type StoredEvent,
} from "@turno/database";
import { checkStream, EVENTS_STREAM, readLogEnd, type Connection, type Publisher } from "@turno/messaging";
import { createEventEncoder, type EncodedEvent } from "./encode-event.ts";
import { reconcile } from "./reconcile.ts";

export interface RelayOptions {
  databaseUrl: string;
  /** The one on which this process began: the relay publishes nothing of another. */
  timeline: string;
  connection: Connection;
  publisher: Publisher;
  /** Called with every failure that the relay goes on after. */
  onFailure: (error: unknown) => void;
  onPublished?: (count: number) => void;
  onRefill?: (count: number) => void;
}

export interface Relay {
  readonly isLeader: boolean;
  /** For what this process writes: what is in it need not be read from the database. */
  readonly memory: EventMemory;
  stop(): Promise<void>;
}

const BATCH_SIZE_MAX = 1_024;
const PUBLISH_TIMEOUT_MS = 5_000;
/** Polling is the truth, a notification only makes it sooner; it also keeps the lock's session alive. */
const POLL_MS = 1_000;
/** How long what is published stays in the outbox at most: while events come, it goes with the look for the next. */
const CLEAR_MS = 50;

/**
 * Publishes what the outbox holds to `EVENTS`, in order, and takes it off once the broker has acknowledged it. Any number
 * of relays may run: the one that holds the lock works, another takes over when it stops, dies or is paused.
 *
 * Each message says after which sequence of the stream it belongs, so that a gap stops all that follow it, and a relay
 * that was paused and comes back cannot put an old event behind a newer one. What a batch that failed left in the stream is
 * found when the lead is sought anew.
 */
export function createRelay(options: RelayOptions): Relay {
  const state: State = {
    isStopping: false,
    isLeader: false,
    losses: 0,
    isNotified: false,
    lastSequence: 0,
    streamId: "",
    publishedRows: [],
    wake: () => undefined,
  };
  const sql = connectToDatabase(options.databaseUrl, {
    connectionsMax: 1,
    name: "turno-relay",
    onClose: () => loseLead(state),
  });
  const listening = connectToDatabase(options.databaseUrl, { connectionsMax: 1, name: "turno-relay-wake" });
  listening.listen(OUTBOX_CHANNEL, () => notify(state)).catch(options.onFailure);
  // A broker that was away may have lost its tail: seeking the lead anew looks at the stream before anything goes on.
  options.connection.onStatusChange((isConnected) => {
    if (isConnected) loseLead(state);
    notify(state);
  });
  const memory = createEventMemory(() => state.isLeader);
  const running = run(options, state, { sql, memory, encode: createEventEncoder(options.timeline) });
  return {
    memory,
    get isLeader() {
      return state.isLeader;
    },
    stop: async () => {
      state.isStopping = true;
      state.wake();
      await running;
      await Promise.all([sql.end({ timeout: 1 }), listening.end({ timeout: 1 })]);
    },
  };
}

interface State {
  isStopping: boolean;
  isLeader: boolean;
  /** How often the lead was lost: what was sought before the last time is not to be trusted. */
  losses: number;
  /** Whether a notification came since the outbox was last read. */
  isNotified: boolean;
  /** Where the stream ends, as far as this relay knows. */
  lastSequence: number;
  streamId: string;
  /** Rows of the outbox of which all is published: they go with the next look, or soon. */
  publishedRows: number[];
  wake: () => void;
}

/** Where the events come from, and how they are written. */
interface Source {
  sql: Sql;
  memory: EventMemory;
  encode: (event: StoredEvent) => EncodedEvent;
}

async function run(options: RelayOptions, state: State, source: Source): Promise<void> {
  while (!state.isStopping) {
    try {
      if (!state.isLeader) await seekLead(options, state, source);
      const isMore = state.isLeader && (await publishNext(options, state, source));
      if (!isMore) await pause(state, state.publishedRows.length > 0 ? CLEAR_MS : POLL_MS);
    } catch (error) {
      options.onFailure(error);
      // The session may be gone and the lock with it: seek it anew, which finds it held where it is still ours.
      loseLead(state);
      await pause(state, POLL_MS / 4);
    }
  }
  if (state.isLeader) await turn(state, source.sql, 0).catch(options.onFailure);
}

function loseLead(state: State): void {
  state.isLeader = false;
  state.losses += 1;
}

async function seekLead(options: RelayOptions, state: State, { sql, memory }: Source): Promise<void> {
  const { losses } = state;
  if (!(await tryRelayLock(sql))) return;
  // Else events of this timeline would go out under the name of another.
  await readDatabaseTimeline(sql, options.timeline);
  memory.clear();
  await checkStream(options.connection, EVENTS_STREAM);
  const end = await readLogEnd(options.connection, STREAMS.events);
  const refilled = await reconcile(sql, options.connection, end);
  if (refilled > 0) options.onRefill?.(refilled);
  state.lastSequence = end.lastSequence;
  state.streamId = end.streamId;
  state.publishedRows = [];
  state.isLeader = losses === state.losses;
}

/** Publishes one batch. True where there may be more. */
async function publishNext(options: RelayOptions, state: State, source: Source): Promise<boolean> {
  state.isNotified = false;
  const rows = await turn(state, source.sql, BATCH_SIZE_MAX);
  if (rows.length === 0) return false;
  const events = await readQueued(source, rows);
  const chain = events.map((event) => ({ ...source.encode(event), id: event.id }));
  const { lastSequence } = state;
  state.lastSequence = await options.publisher.publishChain(chain, { lastSequence, timeoutMs: PUBLISH_TIMEOUT_MS });
  state.publishedRows = rows.map(({ position }) => position);
  options.onPublished?.(events.length);
  return events.length >= BATCH_SIZE_MAX;
}

/** Takes what was published off the outbox, and reads what comes next. */
async function turn(state: State, sql: Sql, limit: number): Promise<OutboxRow[]> {
  const { publishedRows: rows, streamId, lastSequence: sequence } = state;
  const next = await turnOutbox(sql, { rows, stream: STREAMS.events, streamId, sequence }, limit);
  state.publishedRows = [];
  return next;
}

/** The events of the outbox's rows, in order. */
async function readQueued({ sql, memory }: Source, rows: readonly OutboxRow[]): Promise<StoredEvent[]> {
  const positions = rows.flatMap((row) => row.positions);
  const events = new Map<number, StoredEvent>();
  const missing: number[] = [];
  for (const position of positions) {
    const event = memory.take(position);
    if (event === undefined) missing.push(position);
    else events.set(position, event);
  }
  if (missing.length > 0) for (const event of await readEvents(sql, missing)) events.set(event.position, event);
  return positions.map((position) => {
    const event = events.get(position);
    if (event === undefined) throw new Error(`the outbox names position ${position}, where no event is`);
    return event;
  });
}

function notify(state: State): void {
  state.isNotified = true;
  state.wake();
}

function pause(state: State, waitMs: number): Promise<void> {
  if (state.isStopping || (state.isLeader && state.isNotified)) return Promise.resolve();
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      state.wake = () => undefined;
      resolve();
    };
    const timer = setTimeout(finish, waitMs);
    state.wake = finish;
  });
}
