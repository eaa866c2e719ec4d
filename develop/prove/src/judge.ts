import type { LedgerEntry } from "@turno/simulator";
import { judgeTurns } from "@turno/testing";
import type { Excuse } from "./fault.ts";
import { judgeInvariants } from "./invariants.ts";
import type { Mark } from "./mark.ts";
import type { Answered } from "./orders.ts";
import { PROVE_GROUPS } from "./people.ts";
import type { ProveStage } from "./stage.ts";
import { readInboundPlaces, readPublished } from "./streams.ts";

/** What a round came to. Each list names what is wrong; a round is good where all are empty. */
export interface Judgement {
  messages: number;
  lost: string[];
  doubled: string[];
  outOfOrder: string[];
  unfair: string[];
  broken: string[];
}

/** Judges a round from outside: by what Meta was answered, what lies in the streams and what the tables say. */
export async function judgeRound(
  stage: ProveStage,
  mark: Mark,
  orders: Answered,
  excuses: readonly Excuse[],
): Promise<Judgement> {
  const judgement: Judgement = { messages: 0, lost: [], doubled: [], outOfOrder: [], unfair: [], broken: [] };
  const accepted = acceptedSince(stage, mark);
  judgement.messages = accepted.length;
  await judgeMessages(stage, mark, accepted, excuses, judgement);
  await judgeEvents(stage, mark, judgement);
  await judgeSends(stage, mark, orders, excuses, judgement);
  await judgeFairness(stage, judgement);
  judgement.broken.push(...(await judgeInvariants(stage)));
  return judgement;
}

/** The messages of a round that were answered 200. */
export function acceptedSince(
  { simulator: { ledger } }: Pick<ProveStage, "simulator">,
  { update }: Mark,
): LedgerEntry[] {
  const entries: LedgerEntry[] = [];
  for (let index = update; index < ledger.size; index++) {
    const entry = ledger.entryAt(index);
    if (entry.kind === "message" && entry.acceptedCount > 0) entries.push(entry);
  }
  return entries;
}

interface Effect {
  copies: number;
  /** Of its events, in the order in which they were written. */
  positions: number[];
}

async function readEffects({ sql }: ProveStage, mark: Mark, keys: readonly string[]): Promise<Map<string, Effect>> {
  const rows = await sql<{ id: string; key: string }[]>`
    select id, key from messages where key = any(${[...keys]}::text[])`;
  const told = await sql<{ messageId: string; position: number }[]>`
    select message_id as "messageId", position from events
    where position > ${mark.position} and type = 'message.received' order by position`;
  const positions = Map.groupBy(told, ({ messageId }) => messageId);
  const effects = new Map<string, Effect>();
  for (const { id, key } of rows) {
    const effect = effects.get(key) ?? { copies: 0, positions: [] };
    effect.copies += 1;
    for (const { position } of positions.get(id) ?? []) effect.positions.push(position);
    effects.set(key, effect);
  }
  return effects;
}

/** Each message answered 200 lies in the log, has one row and one event, and its customer's messages came in the log's order. */
async function judgeMessages(
  stage: ProveStage,
  mark: Mark,
  accepted: LedgerEntry[],
  excuses: readonly Excuse[],
  found: Judgement,
): Promise<void> {
  const places = await readInboundPlaces(stage.connection, mark.inbound);
  const keys = accepted.map(({ id }) => `msg:${id}`);
  const effects = await readEffects(stage, mark, keys);
  for (const key of keys) {
    const effect = effects.get(key);
    if (!places.has(key) && !excuses.includes("log-is-another"))
      found.lost.push(`${key} was answered 200 and is not in INBOUND`);
    else if (effect === undefined || effect.positions.length === 0) found.lost.push(`${key} has no effect`);
    if (effect !== undefined && (effect.copies > 1 || effect.positions.length > 1)) {
      found.doubled.push(`${key} has ${effect.copies} rows and ${effect.positions.length} events`);
    }
  }
  const byPosition = accepted
    .flatMap(({ id, customer }) => {
      const key = `msg:${id}`;
      const position = effects.get(key)?.positions[0] ?? null;
      const place = places.get(key);
      return position === null || place === undefined ? [] : [{ key, customer, position, place }];
    })
    .toSorted((a, b) => a.position - b.position);
  const lastPlace = new Map<number, number>();
  for (const { key, customer, place } of byPosition) {
    if (place < (lastPlace.get(customer) ?? -1)) found.outOfOrder.push(`${key} took effect behind a later message`);
    else lastPlace.set(customer, place);
  }
}

/** How long an event may take from its row to the stream once all is quiet: a status may come in late. */
const PUBLISH_MS_MAX = 20_000;

/** What `EVENTS` got, once it holds all of these ids or had time enough. */
async function readPublishedWith(connection: ProveStage["connection"], mark: Mark, ids: ReadonlySet<string>) {
  const deadline = performance.now() + PUBLISH_MS_MAX;
  for (;;) {
    const { events } = await readPublished(connection, mark.events);
    const seen = new Set(events.map(({ id }) => id));
    if ([...ids].every((id) => seen.has(id)) || performance.now() > deadline) return { events, seen };
  }
}

/** Each row of `events` is in the stream, and in the stream an entity's events come without a gap. */
async function judgeEvents({ sql, connection }: ProveStage, mark: Mark, found: Judgement): Promise<void> {
  const { isWhole } = await readPublished(connection, mark.events);
  const since = isWhole ? 0 : mark.position;
  const written = await sql<{ id: string; entityId: string; sequence: number }[]>`
    select id, entity_id as "entityId", sequence from events where position > ${since} order by position`;
  const ids = new Set(written.map(({ id }) => id));
  const { events: published, seen } = await readPublishedWith(connection, mark, ids);
  for (const { id, sequence } of written) {
    if (!seen.has(id)) found.lost.push(`event ${id} (${sequence}) is not in EVENTS`);
  }
  const before = new Map<string, number>();
  for (const { entityId, sequence } of written) {
    const last = before.get(entityId) ?? sequence - 1;
    if (sequence !== last + 1)
      found.outOfOrder.push(`entity ${entityId}: event ${sequence} was written behind ${last}`);
    before.set(entityId, sequence);
  }
  const last = new Map<string, number>();
  // What an abandoned timeline had published is not in the table; consumers tell it by its timeline.
  for (const { id, entityId, sequence } of published.filter((event) => ids.has(event.id))) {
    const expected = last.get(entityId);
    if (expected !== undefined && sequence !== expected + 1) {
      found.outOfOrder.push(`event ${id}: sequence ${sequence} came behind ${expected}`);
    }
    last.set(entityId, sequence);
  }
}

/** What was answered ok is there; Meta got no message twice, and what it said of a message is known. */
async function judgeSends(
  { sql, graph }: ProveStage,
  mark: Mark,
  orders: Answered,
  excuses: readonly Excuse[],
  found: Judgement,
): Promise<void> {
  const calls = graph.ledger.messages().slice(mark.sent);
  const counts = new Map<string, number>();
  for (const { callbackData } of calls) counts.set(callbackData ?? "", (counts.get(callbackData ?? "") ?? 0) + 1);
  for (const [id, count] of counts) if (count > 1) found.doubled.push(`send ${id} reached Meta ${count} times`);
  // What was asked since the copy is undone, whatever was answered.
  if (excuses.includes("database-goes-back")) return;
  const rows = await sql<{ id: string; state: string }[]>`
    select id, state from sends where id = any(${[...new Set([...orders.sends, ...counts.keys()])]}::uuid[])`;
  const states = new Map(rows.map(({ id, state }) => [id, state]));
  for (const id of orders.sends) {
    const state = states.get(id);
    if (state === undefined) found.lost.push(`send ${id} was answered ok and is not there`);
    else if (["waiting", "sending"].includes(state)) found.lost.push(`send ${id} is still ${state}`);
  }
  for (const id of counts.keys()) {
    if (states.get(id) === "failed") found.broken.push(`send ${id} reached Meta and is shown as failed`);
  }
  const given = await sql<{ id: string }[]>`select id from assignments where id = any(${orders.assignments}::uuid[])`;
  const known = new Set(given.map(({ id }) => id));
  for (const id of orders.assignments)
    if (!known.has(id)) found.lost.push(`claim ${id} was answered ok and is not there`);
}

/** Each automatic assignment went to whose turn it was, and where nothing else decides the counts come out even. */
async function judgeFairness({ sql }: ProveStage, found: Judgement): Promise<void> {
  const { faults } = await judgeTurns(sql);
  found.unfair.push(...faults);
  const rows = await sql<{ count: number }[]>`
    select count(assigned.row)::int as count
    from group_members left join (
      select row from turn_audit where what = 'assigned' and row->>'group_id' = ${PROVE_GROUPS.fair}
    ) as assigned on (assigned.row->>'agent_id')::uuid = group_members.agent_id
    where group_members.group_id = ${PROVE_GROUPS.fair} group by group_members.agent_id`;
  const counts = rows.map(({ count }) => count);
  if (Math.max(...counts) - Math.min(...counts) > 1) found.unfair.push(`agents that stay got ${counts.join(", ")}`);
}
