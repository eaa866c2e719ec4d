import type { InboundOrigin, Observation, Unreadable } from "@turno/conversation";
import {
  asJson,
  isDataFault,
  movePositions,
  retryOnConflict,
  type LogReader,
  type PositionMove,
  type Sql,
  type Transaction,
} from "@turno/database";
import { findPoison, isDefect } from "@turno/runtime";
import { deadLetterCause, deleteDeadLetter, insertDeadLetters, type NewDeadLetter } from "./dead-letters.ts";

/** An update of a lane, as it was read from its line. */
export type LaneUpdate = InboundOrigin & { kind: string };

/** What a line turned out to be: an update of its lane, something that is only kept, or nothing that can be read. */
export type LaneItem<U extends LaneUpdate> = U | Observation | Unreadable;

/** Lines that were read, and what moves with their effect. */
export interface LaneBatch<U extends LaneUpdate> {
  /** Null where the lines come from elsewhere than the log: no position moves. */
  reader: LogReader | null;
  moves: readonly PositionMove[];
  items: readonly LaneItem<U>[];
  createId: () => string;
  /** Hears of a defect for which a line is set aside. Where nobody hears of it, it is thrown. */
  onDefect?: (error: unknown) => void;
  /** The dead letter that is tried again: it goes in the same transaction. */
  retriedId?: string;
}

/** How many lines of a batch had no effect, and why. */
export interface WithoutEffect {
  observed: number;
  setAside: number;
}

/** What the work of a lane gets beside its updates. */
export interface LaneTransaction {
  /** Runs the work's first statements right behind those that the lane begins with, so that all leave at once. Called once. */
  begin<T>(first: () => Promise<T>): Promise<T>;
  /** Sets updates aside that turn out to have no effect. */
  setAside(updates: readonly InboundOrigin[], cause: string): Promise<void>;
  /** Called when the transaction has ended, however it did. */
  onEnd(end: () => void): void;
}

/** Makes the updates of a batch take effect. */
type LaneWork<U, Outcome> = (tx: Transaction, updates: readonly U[], lane: LaneTransaction) => Promise<Outcome>;

/**
 * Applies a batch of a lane and moves the reader's positions, all in one transaction: either all of it has happened or none
 * of it. What cannot take effect is set aside in the same transaction and does not hold up the rest.
 */
export async function applyLines<U extends LaneUpdate, Outcome extends object>(
  sql: Sql,
  batch: LaneBatch<U>,
  work: LaneWork<U, Outcome>,
): Promise<Outcome & WithoutEffect> {
  const { onDefect } = batch;
  const mayFollowFromLine = (error: unknown) => isDataFault(error) || (isDefect(error) && onDefect !== undefined);
  const tryOut = (items: readonly LaneItem<U>[]) =>
    applyInVain(sql, { ...batch, reader: null, moves: [], items }, work);
  const causes = new Map<LaneItem<U>, string>();
  for (;;) {
    try {
      return await transact(sql, (tx, onEnd) => applyInTransaction(tx, { batch, causes, onEnd }, work));
    } catch (error) {
      if (!mayFollowFromLine(error)) throw error;
      const items = batch.items.filter((item) => !causes.has(item));
      const poison = await findPoison(items, tryOut, mayFollowFromLine);
      if (poison.size === 0) throw error;
      for (const [item, thrown] of poison) {
        causes.set(item, deadLetterCause(thrown));
        if (isDefect(thrown)) onDefect?.(thrown);
      }
    }
  }
}

function transact<T>(sql: Sql, run: (tx: Transaction, onEnd: LaneTransaction["onEnd"]) => Promise<T>): Promise<T> {
  return retryOnConflict(async () => {
    const ends: (() => void)[] = [];
    try {
      return (await sql.begin((tx) => run(tx, (end) => ends.push(end)))) as T;
    } finally {
      for (const end of ends) end();
    }
  });
}

async function applyInTransaction<U extends LaneUpdate, Outcome extends object>(
  tx: Transaction,
  {
    batch,
    causes,
    onEnd,
  }: Pick<LaneTransaction, "onEnd"> & {
    batch: LaneBatch<U>;
    causes: ReadonlyMap<LaneItem<U>, string>;
  },
  work: LaneWork<U, Outcome>,
): Promise<Outcome & WithoutEffect> {
  const { reader, moves, createId, retriedId } = batch;
  const letters: NewDeadLetter[] = [];
  const observations: Observation[] = [];
  const updates: U[] = [];
  for (const item of batch.items) {
    const cause = item.kind === "unreadable" ? (item as Unreadable).cause : causes.get(item);
    if (cause !== undefined) letters.push({ key: item.key, field: item.field, line: item.line, cause });
    else if (item.kind === "observation") observations.push(item as Observation);
    else updates.push(item as U);
  }
  let setAside = letters.length;
  const outcome = await work(tx, updates, {
    begin: async (first) => {
      const own = Promise.all([
        reader === null ? undefined : movePositions(tx, reader, moves),
        // Before any look for what is known: it would take the letter for it.
        retriedId === undefined ? undefined : deleteDeadLetter(tx, retriedId),
        insertObservations(tx, observations),
        insertDeadLetters(tx, letters, createId),
      ]);
      const [begun, found] = await Promise.allSettled([own, first()]);
      // Both have ended before a failure is met, so that nothing is sent any more. The first one is the cause of the other.
      if (begun.status === "rejected") throw begun.reason;
      if (found.status === "rejected") throw found.reason;
      return found.value;
    },
    setAside: (without, cause) => {
      setAside += without.length;
      const found = without.map(({ key, field, line }) => ({ key, field, line, cause }));
      return insertDeadLetters(tx, found, createId);
    },
    onEnd,
  });
  return { ...outcome, observed: observations.length, setAside };
}

async function insertObservations(tx: Transaction, observations: readonly Observation[]): Promise<void> {
  if (observations.length === 0) return;
  await tx`
    insert into observations (key, what, phone_number_id, received_at, line)
    select key, what, "phoneNumberId", "receivedAt", line
    from json_to_recordset(${asJson(observations)}::text::json) as observation(
      key text, what text, "phoneNumberId" text, "receivedAt" timestamptz, line text)
    on conflict do nothing`;
}

class RollBack extends Error {}

/** Tries items in a transaction that is undone. */
async function applyInVain<U extends LaneUpdate>(
  sql: Sql,
  batch: LaneBatch<U>,
  work: LaneWork<U, object>,
): Promise<void> {
  try {
    await transact(sql, async (tx, onEnd) => {
      await applyInTransaction(tx, { batch, causes: new Map(), onEnd }, work);
      throw new RollBack();
    });
  } catch (error) {
    if (!(error instanceof RollBack)) throw error;
  }
}
