import {
  and,
  desc,
  eq,
  expression,
  gte,
  inPlaceOf,
  isAnyOf,
  lt,
  or,
  typed,
  type Condition,
  type Sql,
  type Transaction,
} from "@turno/database";
import { tickets } from "@turno/database/schema";
import { TICKET_COLUMNS, toTicket, type TicketRow } from "./ticket-row.ts";
import type { Ticket, TicketSearch } from "./ticket-store.ts";

/** A ticket's number as people write it. */
const NUMBER = /^#?(\d{1,15})$/;
/** How many of the newest tickets it looks through before it asks the index of words. */
const NEWEST = 1_000;
/** The sample of the others: its size at most, the least distance between two numbers, and how many hits are enough. */
const [SAMPLE, STEP_MIN, HITS] = [256, 200, 8];
const PRIME = 7_919;

/**
 * Searches tickets by number, or by words without case and accents, the last of which may be unfinished; newest first.
 *
 * It looks for words in stretches of numbers, newest first, until there are enough; a sample says how long a stretch
 * must be: see decision 0026. A planner would, by its statistics, read from the newest on or ask the index of words for
 * all matches, which is slow if the words never meet, or are frequent.
 */
export async function searchTickets(sql: Sql, search: TicketSearch): Promise<Ticket[]> {
  const text = search.text.trim();
  const { among } = search;
  const rows =
    text === "" && among === null
      ? await listTickets(sql, search)
      : await sql.begin((tx) =>
          among === null ? findWords(tx, search, text) : findAmong(tx, search, text, isAmongThese(among)),
        );
  return rows.map(toTicket);
}

/** Lists tickets without words: an index has the order of the page. */
function listTickets(sql: Sql, search: TicketSearch): Promise<TicketRow[]> {
  const { beforeNumber } = search;
  return typed(sql)
    .select(TICKET_COLUMNS)
    .from(tickets)
    .where(and(isNarrowedDown(search), beforeNumber === null ? undefined : lt(tickets.number, beforeNumber)))
    .orderBy(desc(tickets.number))
    .limit(search.limit);
}

const isNarrowedDown = ({ status, requesterId }: TicketSearch): Condition | undefined =>
  and(
    status === null ? undefined : eq(tickets.status, status),
    requesterId === null ? undefined : isMadeFor(requesterId),
  );

/** For the contact, or for one that was joined with it. */
const isMadeFor = (contactId: string): Condition =>
  expression`${tickets.requesterId} in (select id from contacts where ${contactId} in (id, joined_into_id))`;

const isAmongThese = ({ numbers, requesterIds }: NonNullable<TicketSearch["among"]>): Condition | undefined =>
  or(isAnyOf(tickets.number, numbers), isAnyOf(tickets.requesterId, requesterIds));

/** Looks for all words of a text, or for its number. Undefined: it holds neither, so that nothing matches. */
function isNamedBy(words: string, text: string): Condition | undefined {
  const digits = NUMBER.exec(text)?.[1];
  if (words === "" && digits === undefined) return undefined;
  const holdsWords = expression`${tickets.words} @@ ${words}::tsquery`;
  return digits === undefined ? holdsWords : or(eq(tickets.number, Number(digits)), holdsWords);
}

/** Looks for those among the tickets that are named: by their bitmap, with that of the words where it pays. */
async function findAmong(
  tx: Transaction,
  search: TicketSearch,
  text: string,
  isAmong: Condition | undefined,
): Promise<TicketRow[]> {
  const { words, lastNumber } = await prepare(tx, text);
  const matches = text === "" ? isAmong : isNamedBy(words, text);
  if (matches === undefined) return [];
  await preferBitmaps(tx);
  const before = Math.min(search.beforeNumber ?? Infinity, lastNumber + 1);
  return askIndex(tx, { from: 0, before, limit: search.limit }, and(isNarrowedDown(search), isAmong), matches);
}

async function findWords(tx: Transaction, search: TicketSearch, text: string): Promise<TicketRow[]> {
  const { words, lastNumber } = await prepare(tx, text);
  const matches = isNamedBy(words, text);
  if (matches === undefined) return [];
  const before = Math.min(search.beforeNumber ?? Infinity, lastNumber + 1);
  const isAsked = isNarrowedDown(search);
  const newest = newestBelow(tx, before, isAsked);
  const found = await lookThrough(tx, newest, isAsked, matches, search.limit);
  const from = found.length < search.limit ? await readStart(tx, newest) : 0;
  if (from === 0) return found;
  const hits = await lookThrough(tx, sampleBelow(from), isAsked, matches, HITS);
  await preferBitmaps(tx);
  let end = from;
  for (const start of [...hits.map(({ number }) => number), 0]) {
    if (found.length >= search.limit) break;
    const stretch = { from: start, before: end, limit: search.limit - found.length };
    found.push(...(await askIndex(tx, stretch, isAsked, matches)));
    end = start;
  }
  return found;
}

/** Else the planner may prefer to look through a stretch, too, or to read what only one of the indexes names. */
const preferBitmaps = (tx: Transaction) => tx`
  select set_config('enable_indexscan', 'off', true), set_config('seq_page_cost', '10', true),
    set_config('random_page_cost', '10', true)`;

/** Numbers from `from` on and below `before`. */
interface Stretch {
  from: number;
  before: number;
  limit: number;
}

const newestBelow = (tx: Transaction, before: number, isAsked: Condition | undefined) =>
  typed(tx)
    .select({ number: tickets.number })
    .from(tickets)
    .where(and(lt(tickets.number, before), isAsked))
    .orderBy(desc(tickets.number))
    .limit(NEWEST);

/** The lowest of the newest numbers, 0 where there are none below. */
async function readStart(tx: Transaction, newest: ReturnType<typeof newestBelow>): Promise<number> {
  const [row] = await typed(tx)
    .select({ number: expression<number>`coalesce(min(number) filter (where count = ${NEWEST}), 0)::bigint` })
    .from(expression`(select number, count(*) over () as count from ${newest} as newest) as counted`);
  return row?.number ?? 0;
}

/** Numbers below `from`, spread evenly, but not in step with anything: what has every fourth number is met as well. */
function sampleBelow(from: number): Condition {
  const step = Math.max(STEP_MIN, Math.ceil(from / SAMPLE));
  return expression`
    select place * ${step}::bigint + place * ${PRIME}::bigint % ${step}::bigint
    from generate_series(0, ${Math.ceil(from / step) - 1}::bigint) as place`;
}

/** Looks through a stretch. The inner order comes first, so that the planner does not ask the index of words. */
function lookThrough(
  tx: Transaction,
  numbers: Condition | ReturnType<typeof newestBelow>,
  isAsked: Condition | undefined,
  matches: Condition | undefined,
  limit: number,
): Promise<TicketRow[]> {
  const lookedAt = typed(tx)
    .select()
    .from(tickets)
    .where(and(expression`${tickets.number} = any(array(${numbers}))`, isAsked))
    .orderBy(desc(tickets.number));
  return typed(tx)
    .select(TICKET_COLUMNS)
    .from(inPlaceOf(tickets, expression`${lookedAt} offset 0`))
    .where(matches)
    .orderBy(desc(tickets.number))
    .limit(limit);
}

/** By the bitmaps of the words' index and of the numbers'. Materialised: only the tickets of the page are read whole. */
function askIndex(
  tx: Transaction,
  { from, before, limit }: Stretch,
  isAsked: Condition | undefined,
  matches: Condition | undefined,
): Promise<TicketRow[]> {
  const inStretch = and(gte(tickets.number, from), lt(tickets.number, before), isAsked, matches);
  const found = typed(tx).select({ number: tickets.number }).from(tickets).where(inStretch);
  const latest = expression`
    with found as materialized ${found} select number from found order by number desc limit ${limit}`;
  return typed(tx)
    .select(TICKET_COLUMNS)
    .from(tickets)
    .where(expression`${tickets.number} = any(array(${latest}))`)
    .orderBy(desc(tickets.number));
}

/**
 * Returns the words in Postgres' own form, empty if the text holds none. The plans that follow are made for these
 * words.
 */
async function prepare(tx: Transaction, text: string): Promise<{ words: string; lastNumber: number }> {
  const [row] = await tx<{ words: string; lastNumber: number }[]>`
    select plainto_tsquery('simple', turno_fold(${text}))::text as words,
      (select coalesce(max(number), 0) from tickets) as "lastNumber",
      set_config('plan_cache_mode', 'force_custom_plan', true), set_config('enable_seqscan', 'off', true)`;
  if (row === undefined) throw new Error("a select without a table gave no row");
  return { words: row.words === "" ? "" : `${row.words}:*`, lastNumber: row.lastNumber };
}
