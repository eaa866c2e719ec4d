import { receive, type Identities, type Inbound } from "@turno/conversation";
import {
  asJson,
  deadLetterCause,
  isDataFault,
  movePositions,
  retryOnConflict,
  type EventMemory,
  type LogReader,
  type PositionMove,
  type Sql,
  type Transaction,
} from "@turno/database";
import { findPoison, isDefect } from "@turno/runtime";
import { lockIdleQueues } from "../assignment/assign-opened.ts";
import type { Turnstile } from "../turnstile.ts";
import { lookUpKnownState } from "./look-up-known-state.ts";
import { openConversations } from "./open-conversations.ts";
import { writeEffects } from "./write-effects.ts";

type WithoutChannel<T> = T extends unknown ? Omit<T, "channel"> : never;

/** One line of the inbound log, read: what it is, and its text for what cannot take effect. */
export type InboundItem = { key: string; field: string; line: string; receivedAt: Date } & (
  | { kind: "update"; phoneNumberId: string; update: WithoutChannel<Inbound> }
  | { kind: "observation"; what: string; phoneNumberId: string | null }
  | { kind: "unreadable"; cause: string }
);

export interface InboundOutcome {
  /** Conversations that opened and got their agent at once. */
  assigned: number;
  /** Groups whose queue grew. */
  queuedGroupIds: string[];
  applied: number;
  /** Updates that had taken effect before, or that the batch holds twice. */
  repeated: number;
  setAside: number;
  observed: number;
}

type Update = InboundItem & { kind: "update" };
type Unreadable = { item: InboundItem; cause: string };

/**
 * Applies a batch of the inbound log and moves the reader's positions, all in one transaction: either all of it has
 * happened or none of it. What cannot take effect is set aside in the same transaction and does not hold up the rest.
 */
export async function applyInbound(
  sql: Sql,
  batch: {
    reader: LogReader | null;
    moves: readonly PositionMove[];
    items: readonly InboundItem[];
    createId: () => string;
    /** Gets the events, so that the relay of this process need not read them. */
    memory?: EventMemory;
    /**
     * Shared by batches that are applied at once: they give out what opens one after the other, because each would find the
     * groups locked by the other. Who is in waits for nobody who waits outside: what both may write was written before.
     */
    openings?: Turnstile;
    /** Hears of a defect for which a line is set aside. Where nobody hears of it, it is thrown. */
    onDefect?: (error: unknown) => void;
    /** The dead letter that is tried again: it goes in the same transaction. */
    retriedId?: string | undefined;
  },
): Promise<InboundOutcome> {
  const run = (poison: ReadonlyMap<InboundItem, string>) =>
    retryOnConflict(async () => {
      let entered: ReturnType<Turnstile["enter"]> | undefined;
      const enter = async () => void (await (entered = batch.openings?.enter()));
      try {
        return await sql.begin((tx) => applyInTransaction(tx, batch, poison, enter));
      } finally {
        void entered?.then((leave) => leave());
      }
    });
  const { onDefect, createId, retriedId } = batch;
  const mayFollowFromLine = (error: unknown) => isDataFault(error) || (isDefect(error) && onDefect !== undefined);
  const applySome = (items: readonly InboundItem[]) =>
    retryOnConflict(() => applyInVain(sql, { reader: null, moves: [], items, createId, retriedId }));
  const causes = new Map<InboundItem, string>();
  for (;;) {
    try {
      return await run(causes);
    } catch (error) {
      if (!mayFollowFromLine(error)) throw error;
      const items = batch.items.filter((item) => !causes.has(item));
      const poison = await findPoison(items, applySome, mayFollowFromLine);
      if (poison.size === 0) throw error;
      for (const [item, thrown] of poison) {
        causes.set(item, deadLetterCause(thrown));
        if (isDefect(thrown)) onDefect?.(thrown);
      }
    }
  }
}

async function applyInTransaction(
  tx: Transaction,
  batch: Parameters<typeof applyInbound>[1],
  poison: ReadonlyMap<InboundItem, string>,
  enter: () => Promise<void> = () => Promise.resolve(),
): Promise<InboundOutcome> {
  const unreadable: Unreadable[] = [];
  const observations: (InboundItem & { kind: "observation" })[] = [];
  const updates = new Map<string, Update>();
  let repeated = 0;
  for (const item of batch.items) {
    const cause = item.kind === "unreadable" ? item.cause : poison.get(item);
    if (cause !== undefined) unreadable.push({ item, cause });
    else if (item.kind === "observation") observations.push(item);
    else if (item.kind === "update" && !updates.has(item.key)) updates.set(item.key, item);
    else repeated += 1;
  }

  const [, , lookedUp] = await Promise.all([
    batch.reader === null ? undefined : movePositions(tx, batch.reader, batch.moves),
    batch.retriedId === undefined ? undefined : takeDeadLetter(tx, batch.retriedId),
    lookUpKnownState(tx, [...updates.values()].map(toLookup)),
  ]);
  const fresh: Inbound[] = [];
  for (const item of updates.values()) {
    const channel = lookedUp.channels.get(item.phoneNumberId);
    if (lookedUp.knownKeys.has(item.key)) repeated += 1;
    else if (channel === undefined) unreadable.push({ item, cause: UNKNOWN_CHANNEL });
    else fresh.push({ ...item.update, channel });
  }

  const effects = receive(fresh, lookedUp.known, { createId: batch.createId, now: lookedUp.now });
  const { createId, memory } = batch;
  const { now } = lookedUp;
  const writing = Promise.all([
    writeEffects(tx, effects, now, memory),
    insertObservations(tx, observations),
    insertDeadLetters(tx, unreadable, createId, now),
  ]);
  // The locks come last in the round trip: they are held while conversations are written, and no longer.
  const locking =
    effects.newConversations.length === 0 ? [] : enter().then(() => lockIdleQueues(tx, effects.newConversations));
  // Nothing may be sent any more when the transaction has failed.
  await Promise.allSettled([writing, locking]);
  await writing;
  const opened = await openConversations(tx, effects.newConversations, await locking, { createId, now, memory });
  return {
    ...opened,
    applied: fresh.length,
    repeated,
    setAside: unreadable.length,
    observed: observations.length,
  };
}

const UNKNOWN_CHANNEL =
  "unknown-channel: no channel has this phone number id; configure it, then retry the dead letter";

function toLookup(item: Update): { key: string; phoneNumberId: string; identities: Identities[] } {
  const { update } = item;
  const identities = update.kind === "identity-change" ? [update.identities, update.previous] : [update.identities];
  return { key: item.key, phoneNumberId: item.phoneNumberId, identities };
}

async function insertObservations(tx: Transaction, observations: readonly (InboundItem & { kind: "observation" })[]) {
  if (observations.length === 0) return;
  const rows = observations.map(({ key, what, phoneNumberId, receivedAt, line }) => ({
    key,
    what,
    phoneNumberId,
    receivedAt,
    line,
  }));
  await tx`
    insert into observations (key, what, phone_number_id, received_at, line)
    select key, what, "phoneNumberId", "receivedAt", line
    from json_to_recordset(${asJson(rows)}::text::json) as observation(
      key text, what text, "phoneNumberId" text, "receivedAt" timestamptz, line text)
    on conflict do nothing`;
}

async function insertDeadLetters(
  tx: Transaction,
  unreadable: readonly Unreadable[],
  createId: () => string,
  now: Date,
): Promise<void> {
  if (unreadable.length === 0) return;
  const rows = unreadable.map(({ item, cause }) => ({
    id: createId(),
    key: item.key,
    cause,
    field: item.field,
    line: item.line,
  }));
  await tx`
    insert into dead_letters (id, key, cause, field, line, set_aside_at)
    select id, key, cause, field, line, ${now}
    from json_to_recordset(${asJson(rows)}::text::json) as letter(id uuid, key text, cause text, field text, line text)
    on conflict do nothing`;
}

/** A query leaves only when it is awaited: this one must leave before the look-up, which would take the letter for known. */
async function takeDeadLetter(tx: Transaction, id: string): Promise<void> {
  await tx`delete from dead_letters where id = ${id}`;
}

class RollBack extends Error {}

/** Tries items in a transaction that is undone. */
async function applyInVain(sql: Sql, batch: Parameters<typeof applyInTransaction>[1]): Promise<void> {
  try {
    await sql.begin(async (tx) => {
      await applyInTransaction(tx, batch, new Map());
      throw new RollBack();
    });
  } catch (error) {
    if (!(error instanceof RollBack)) throw error;
  }
}
