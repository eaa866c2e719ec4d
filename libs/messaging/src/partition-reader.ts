import {
  decodeInboundRecord,
  inboundSubject,
  partsOf,
  STREAMS,
  type InboundLane,
  type InboundLine,
} from "@turno/contracts";
import { createPause, isDefect, type Pause } from "@turno/runtime";
import type { Connection } from "./connection.ts";
import { readBeginning } from "./inbound-parts.ts";
import { readLog, readLogEnd, type LogEnd, type LogRecord } from "./log-records.ts";
import { StoreBehindFailure, type PositionStore } from "./position-store.ts";
import { createReaderHealth, type ReaderHealth } from "./reader-health.ts";
import { takeIn, type RecordIntake } from "./record-intake.ts";

/** A batch of lines in log order, with the moves of the positions that belong to its effect. */
export interface LineBatch {
  lines: readonly InboundLine[];
  moves: readonly { partition: number; from: number; to: number }[];
}

export interface PartitionReaderOptions {
  connection: Connection;
  lane: InboundLane;
  shard: string;
  store: PositionStore;
  /** Makes a batch take effect and moves the positions, in one transaction; throws if nothing was kept. */
  apply(batch: LineBatch): Promise<void>;
  /** Called with the partitions that the reader holds, whenever they change. */
  onPartitionsChange?(partitions: readonly number[]): void;
  /** Called with every failure after which it goes on, and with a defect that ends it. */
  onFailure: (error: unknown) => void;
  /** Called with a defect that follows from a record; the record is then handed on as a line that cannot be read. */
  onDefect: (error: unknown) => void;
  /** The most lines in a transaction, apart from those of its last record. */
  batchLinesMax: number;
  /** How many batches are applied at once if more than one has come in. */
  batchesAtOnce: number;
  leaseEveryMs: number;
  /** How often the reader looks where the log ends. The watermark is late by this time at most. */
  watermarkEveryMs: number;
}

export interface PartitionReader {
  /** Returns the records still to see at its last look, the partitions held, and since when it stands still. */
  status(): { lagRecords: number; partitions: number; stuckSince: Date | null };
  /** Finishes the batch under way and hands the partitions over. */
  stop(): Promise<void>;
}

/** How many renewals of its lease a reader may miss; then its partitions go to others. */
const LEASES_MISSED_MAX = 5;

/**
 * Reads a lane of the inbound log as one of any number of readers. Each leases some of the partitions, sees their lines
 * in log order, and has them applied in batches. The positions move with the effects, so a batch has happened or it has
 * not. A reader that lost a partition cannot commit, and goes on with those that it still holds.
 */
export function createPartitionReader(options: PartitionReaderOptions): PartitionReader {
  const state: State = {
    positions: new Map(),
    appliedSequence: 0,
    streamId: "",
    mark: null,
    watermarkAt: null,
    storedWatermarkAt: null,
    lagRecords: 0,
    isStopping: false,
    mustReadAgain: false,
    health: createReaderHealth(options.leaseEveryMs * LEASES_MISSED_MAX),
    intake: null,
    pause: createPause(),
  };
  // The server forgets its consumers when it restarts; to begin again is sooner than the client's own discovery.
  options.connection.onStatusChange((isConnected) => {
    if (!isConnected) return;
    state.mustReadAgain = true;
    state.pause.cut();
  });
  const running = run(options, state);
  return {
    status: () => ({
      lagRecords: state.lagRecords,
      partitions: state.positions.size,
      stuckSince: state.health.stuckSince,
    }),
    stop: async () => {
      state.isStopping = true;
      state.pause.cut();
      await running;
    },
  };
}

interface State {
  positions: Map<number, number>;
  /** Every line of the partitions held, up to this record, has taken effect. */
  appliedSequence: number;
  streamId: string;
  /** The log ended at `sequence` at the instant `at`: when all up to there is applied, `at` is the watermark. */
  mark: { at: Date; sequence: number } | null;
  watermarkAt: Date | null;
  storedWatermarkAt: Date | null;
  lagRecords: number;
  isStopping: boolean;
  /** Whether the broker came back since reading began. */
  mustReadAgain: boolean;
  health: ReaderHealth;
  intake: RecordIntake | null;
  pause: Pause;
}

async function run(options: PartitionReaderOptions, state: State): Promise<void> {
  let leaseDueAt = 0;
  let watermarkDueAt = 0;
  while (!state.isStopping) {
    try {
      if (performance.now() >= watermarkDueAt) {
        await lookAtEnd(options, state);
        watermarkDueAt = performance.now() + options.watermarkEveryMs;
      }
      if (performance.now() >= leaseDueAt || state.mustReadAgain) {
        if (state.mustReadAgain) await abandon(state);
        state.mustReadAgain = false;
        await renew(options, state);
        leaseDueAt = performance.now() + options.leaseEveryMs;
      }
      const dueMs = Math.min(leaseDueAt, watermarkDueAt) - performance.now();
      if (await applyNext(options, state)) state.health.noteEffect();
      else await waitForRecords(state, dueMs);
    } catch (error) {
      options.onFailure(error);
      await abandon(state);
      if (isDefect(error)) break;
      leaseDueAt = 0;
      await waitForRecords(state, state.health.noteFailure());
    }
  }
  await abandon(state);
  await options.store.release().catch((error: unknown) => options.onFailure(error));
}

/**
 * Looks where the reader's lane ends now. When everything up to there is applied, the instant before the look is the
 * watermark. While records wait, the end of the whole stream stands for theirs.
 */
async function lookAtEnd(options: PartitionReaderOptions, state: State): Promise<void> {
  if (state.intake === null) return;
  const at = await options.store.readClock();
  const { intake } = state;
  const { pending, areOthersHere } = await intake.progress();
  state.lagRecords = pending + intake.records.length;
  const isAllHere = pending === 0 && areOthersHere;
  if (isAllHere && intake.records.length === 0) state.health.noteEffect();
  const end = isAllHere
    ? (intake.records.at(-1)?.sequence ?? state.appliedSequence)
    : (await readLogEnd(options.connection, STREAMS.inbound)).lastSequence;
  noteWatermark(state, { at, sequence: end });
  const { watermarkAt } = state;
  if (watermarkAt === null || watermarkAt === state.storedWatermarkAt) return;
  if (!(await options.store.note(state))) {
    state.mustReadAgain = true;
    return;
  }
  state.storedWatermarkAt = watermarkAt;
  for (const [partition, sequence] of state.positions) {
    state.positions.set(partition, Math.max(sequence, state.appliedSequence));
  }
}

/** Renews the lease. Reads again if a partition was gained, the store went back, or nothing is being read. */
async function renew(options: PartitionReaderOptions, state: State): Promise<void> {
  const end = await readLogEnd(options.connection, STREAMS.inbound);
  if (isAnotherLog(state, end)) {
    await abandon(state);
    beginAfter(state, 0);
    state.positions = new Map();
    state.streamId = end.streamId;
  }
  const believed = state.positions;
  const held = new Map(await options.store.lease(state, end.lastSequence));
  const isChanged = held.size !== believed.size || [...held.keys()].some((key) => !believed.has(key));
  const oldest = held.size === 0 ? 0 : Math.min(...held.values());
  const mustReadAgain = state.intake === null || state.intake.hasEnded || oldest < state.appliedSequence;
  state.health.noteRenewal();
  state.positions = held;
  if (mustReadAgain) beginAfter(state, oldest);
  if (isChanged) options.onPartitionsChange?.([...held.keys()]);

  const behind = [...held].filter(([partition, sequence]) => sequence < (believed.get(partition) ?? 0));
  if (behind.length > 0) options.onFailure(new StoreBehindFailure(behind.length, oldest + 1));
  if (held.size === 0) await abandon(state);
  else if (mustReadAgain) await startReading(options, state, oldest);
}

/** Returns whether the stream was recreated or restored to an older copy, so that its sequences mean other records. */
function isAnotherLog({ streamId, appliedSequence }: State, end: LogEnd): boolean {
  return end.streamId !== streamId || end.lastSequence < appliedSequence;
}

/** Forgets the reading so far, which says nothing about what is read from here on. */
function beginAfter(state: State, sequence: number): void {
  state.appliedSequence = sequence;
  state.mark = null;
  state.watermarkAt = null;
}

async function startReading(options: PartitionReaderOptions, state: State, after: number): Promise<void> {
  await abandon(state);
  const { connection, lane, shard } = options;
  const subjects = [inboundSubject(lane, shard)];
  const reading = await readLog(connection, { stream: STREAMS.inbound, subjects, startSequence: after + 1 });
  state.intake = takeIn(reading, () => state.pause.cut(), options.onFailure);
}

async function abandon(state: State): Promise<void> {
  const { intake } = state;
  state.intake = null;
  await intake?.stop();
}

/** Applies a batch of what has come in, or several if more waits. Returns false if nothing had come in. */
async function applyNext(options: PartitionReaderOptions, state: State): Promise<boolean> {
  const records = state.intake?.records ?? [];
  const lines: InboundLine[] = [];
  const moved = new Map<number, number>();
  let taken = 0;
  let lastSequence = state.appliedSequence;
  while (taken < records.length && lines.length < options.batchLinesMax * options.batchesAtOnce) {
    const record = records[taken++];
    if (record === undefined) break;
    lastSequence = record.sequence;
    for (const line of await decode(options, state, record)) {
      const position = state.positions.get(line.partition);
      if (position === undefined || record.sequence <= position) continue;
      lines.push(line);
      moved.set(line.partition, record.sequence);
    }
  }
  if (taken === 0) return false;
  const moves = [...moved].map(([partition, to]) => ({ partition, from: state.positions.get(partition) ?? 0, to }));
  const batches =
    lines.length > options.batchLinesMax ? divide({ lines, moves }, options.batchesAtOnce) : [{ lines, moves }];
  // All have ended before a failure is met, so that none is under way when reading begins again.
  const outcomes = await Promise.allSettled(
    batches.filter((batch) => batch.lines.length > 0).map((batch) => options.apply(batch)),
  );
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  for (const [partition, to] of moved) state.positions.set(partition, to);
  state.intake?.drop(taken);
  state.appliedSequence = lastSequence;
  noteWatermark(state, null);
  return true;
}

/** Divides a batch by partition: each keeps its order, as it does with a reader of its own. */
function divide({ lines, moves }: LineBatch, parts: number): LineBatch[] {
  return Array.from({ length: parts }, (_, index) => {
    const isIn = ({ partition }: { partition: number }) => partition % parts === index;
    return { lines: lines.filter(isIn), moves: moves.filter(isIn) };
  });
}

/** Decodes a record. One that cannot be read becomes one line of the first partition, which its reader sets aside. */
async function decode(options: PartitionReaderOptions, state: State, record: LogRecord): Promise<InboundLine[]> {
  const text = record.text();
  try {
    const divided = partsOf(record.header);
    if (divided === null) return decodeInboundRecord(text, record.header);
    // The parts of another reader's line are not worth fetching.
    if (record.sequence <= (state.positions.get(divided.partition) ?? Infinity)) return [];
    const beginning = await readBeginning(options.connection, STREAMS.inbound, record);
    return decodeInboundRecord(text, record.header, beginning);
  } catch (error) {
    if (!isDefect(error)) throw error;
    // A `RangeError` is what the record's own reader says of it.
    if (!(error instanceof RangeError)) options.onDefect(error);
    return [{ json: text, partition: 0 }];
  }
}

function noteWatermark(state: State, next: State["mark"]): void {
  if (next !== null && state.appliedSequence >= next.sequence) {
    state.watermarkAt = next.at;
    state.mark = null;
    return;
  }
  if (state.mark !== null && state.appliedSequence >= state.mark.sequence) {
    state.watermarkAt = state.mark.at;
    state.mark = null;
  }
  state.mark ??= next;
}

async function waitForRecords(state: State, waitMs: number): Promise<void> {
  if (state.isStopping || (state.intake?.records.length ?? 0) > 0 || waitMs <= 0) return;
  await state.pause.wait(waitMs);
}
