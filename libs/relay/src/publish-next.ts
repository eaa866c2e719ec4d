import { STREAMS } from "@turno/contracts";
import type { EventMemory, Sql, StoredEvent } from "@turno/database";
import { readLogEnd, type ChainedMessage, type Connection, type Publisher } from "@turno/messaging";
import type { EncodedEvent } from "./encode-event.ts";
import { encodeAll, holdBack, HOLDS_NOTHING, type OnHeld } from "./held-events.ts";
import { notedOf, type Lead } from "./lead.ts";
import { readEvents, exchangeOutbox, type OutboxRow } from "./outbox.ts";
import { refillOutbox } from "./refill.ts";
import { markStream } from "./relay-state.ts";

/** Where events come from, how they are written, and where they go. */
export interface Publishing {
  sql: Sql;
  memory: EventMemory;
  encode: (event: StoredEvent) => EncodedEvent;
  publisher: Publisher;
  /** Whether this lead is still the relay's. */
  isLeading: (lead: Lead) => boolean;
  onPublished: (count: number) => void;
  onRefilled: (count: number, isOver: boolean) => void;
  /** Hears of positions of the outbox without an event. */
  onMissing: (count: number) => void;
  onHeld: OnHeld;
}

/**
 * How many events wait for one acknowledgement: at 50 ms of round trip it still comes as soon as the next can be sent.
 */
const BATCH_SIZE_MAX = 4_096;
/** How many events of a refill are queued in one transaction. */
const REFILL_SIZE = 8_192;
/** What is published while a cluster elects a leader is never acknowledged: the time adds to that of the election. */
const PUBLISH_TIMEOUT_MS = 2_500;
const MARK_MS = 2_000;
/** How long it trusts what it knows of the stream while it publishes nothing. */
const TRUST_MS = 5_000;

/** Publishes one batch. Returns whether there may be more. */
export async function publishNext(publishing: Publishing, lead: Lead): Promise<boolean> {
  if (performance.now() >= lead.held.until) lead.held = HOLDS_NOTHING;
  const rows = await advance(publishing.sql, lead, BATCH_SIZE_MAX);
  await markWhenDue(publishing.sql, lead);
  if (!publishing.isLeading(lead)) return false;
  if (rows.length === 0) return refillNext(publishing, lead);
  const events = await readQueued(publishing, rows);
  if (!publishing.isLeading(lead)) return false;
  const { encode, onHeld } = publishing;
  const { messages, held: positions, from } = encodeAll(events, { encode, held: lead.held, onHeld });
  if (positions.length > 0) {
    lead.held = await holdBack(publishing.sql, lead.held, { rows, positions, from });
    // What is left of these rows is read and published as any other.
    return true;
  }
  await publishChain(publishing.publisher, lead, messages);
  for (const { position } of events) lead.positionMax = Math.max(lead.positionMax, position);
  lead.publishedRows = rows.map(({ position }) => position);
  publishing.onPublished(events.length);
  return lead.refill !== null || events.length >= BATCH_SIZE_MAX;
}

async function publishChain(publisher: Publisher, lead: Lead, messages: readonly ChainedMessage[]): Promise<void> {
  const { lastSequence, isAtomic } = lead;
  const options = { lastSequence, isAtomic, timeoutMs: PUBLISH_TIMEOUT_MS };
  lead.lastSequence = await publisher.publishChain(messages, options);
  lead.lastId = messages.at(-1)?.id ?? lead.lastId;
  lead.seenAt = performance.now();
}

/**
 * Checks from time to time, while nothing is published, whether the stream was recreated, lost events, or got foreign
 * ones.
 */
export async function hasMoved(connection: Connection, lead: Lead): Promise<boolean> {
  if (performance.now() - lead.seenAt < TRUST_MS) return false;
  const { streamId, lastSequence, isAtomic } = await readLogEnd(connection, STREAMS.events);
  lead.seenAt = performance.now();
  return streamId !== lead.streamId || lastSequence !== lead.lastSequence || isAtomic !== lead.isAtomic;
}

/** Removes what was published from the outbox, and reads what comes next. */
export async function advance(sql: Sql, lead: Lead, limit: number): Promise<OutboxRow[]> {
  const published = {
    rows: lead.publishedRows,
    stream: STREAMS.events,
    streamId: lead.streamId,
    noted: notedOf(lead),
  };
  const rows = await exchangeOutbox(sql, published, { limit, upTo: lead.refill?.after ?? null, held: lead.held.rows });
  lead.publishedRows = [];
  return rows;
}

/** Queues the next piece of a refill when all before it is published. Returns whether there was one. */
async function refillNext({ sql, onRefilled }: Publishing, lead: Lead): Promise<boolean> {
  if (lead.refill === null) return false;
  // It makes rows anew, whose keys may be those of rows that were held back.
  lead.held = HOLDS_NOTHING;
  const { present } = lead;
  const { refill, queued } = await refillOutbox(sql, {
    stream: STREAMS.events,
    refill: lead.refill,
    limit: REFILL_SIZE,
    present,
  });
  lead.refill = refill;
  for (const position of present) if (refill === null || position <= refill.after) present.delete(position);
  onRefilled(queued, refill === null);
  return true;
}

/** Notes from time to time what the stream holds. Call it when everything published has left the outbox. */
async function markWhenDue(sql: Sql, lead: Lead): Promise<void> {
  const { marked, positions, streamId, lastSequence: sequence, lastId: messageId, positionMax, refill } = lead;
  const now = performance.now();
  if (now - marked.at < MARK_MS || (marked.sequence === sequence && marked.wholeTo >= positionMax)) return;
  await positions.advance();
  const { completePosition } = positions;
  const wholeTo = await markStream(sql, { streamId, sequence, messageId, positionMax, completePosition, refill });
  lead.marked = { at: now, sequence, wholeTo };
}

/** Returns the events of the outbox's rows, in order. */
async function readQueued({ sql, memory, onMissing }: Publishing, rows: readonly OutboxRow[]): Promise<StoredEvent[]> {
  const positions = rows.flatMap((row) => row.positions);
  const events = new Map<number, StoredEvent>();
  const missing: number[] = [];
  for (const position of positions) {
    const event = memory.take(position);
    if (event === undefined) missing.push(position);
    else events.set(position, event);
  }
  if (missing.length > 0) for (const event of await readEvents(sql, missing)) events.set(event.position, event);
  // An event that an operator deleted, with a customer's data for instance, must not hold up all others.
  if (events.size < positions.length) onMissing(positions.length - events.size);
  return positions.flatMap((position) => events.get(position) ?? []);
}
