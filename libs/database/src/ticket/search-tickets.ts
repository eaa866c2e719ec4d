import type { Sql, Transaction } from "../connection.ts";
import { ticketColumns, toTicket, type TicketRow } from "./built-in-store.ts";
import type { Ticket, TicketSearch } from "./ticket-store.ts";

/** A ticket's number as people write it. */
const NUMBER = /^#?(\d{1,15})$/;
/** So many of the newest tickets that may be asked for are looked through, before the index of words is asked. */
const NEWEST = 1_000;
/** The first stretch of numbers that the index of words is asked for, and how many times as long each next one is. */
const [STRETCH, GROWTH] = [16_000, 16];

/**
 * Tickets by number, or by words without case and accents, the last of which may be unfinished; newest first.
 *
 * Words are looked for in stretches of numbers, newest first, until there are enough: see decision 0026. What a planner
 * would do by its statistics, to read from the newest on or to ask the index of words for all that there are, is slow
 * where the words never meet, or are frequent.
 */
export async function searchTickets(sql: Sql, search: TicketSearch): Promise<Ticket[]> {
  const text = search.text.trim();
  const rows = text === "" ? await listTickets(sql, search) : await sql.begin((tx) => findWords(tx, search, text));
  return rows.map(toTicket);
}

/** Without words there is an index in the order of the page. */
function listTickets(sql: Sql, search: TicketSearch): Promise<TicketRow[]> {
  return sql<TicketRow[]>`
    select ${ticketColumns(sql)} from tickets where ${isNarrowedDown(sql, search)}
      ${search.beforeNumber === null ? sql`` : sql`and number < ${search.beforeNumber}`}
    order by number desc limit ${search.limit}`;
}

const isNarrowedDown = (sql: Sql | Transaction, { status, requesterId }: TicketSearch) => sql`true
  ${status === null ? sql`` : sql`and status = ${status}`}
  ${requesterId === null ? sql`` : sql`and requester_id = ${requesterId}`}`;

async function findWords(tx: Transaction, search: TicketSearch, text: string): Promise<TicketRow[]> {
  const { words, lastNumber } = await prepare(tx, text);
  const digits = NUMBER.exec(text)?.[1];
  if (words === "" && digits === undefined) return [];
  const holdsWords = tx`words @@ ${words}::tsquery`;
  const matches = digits === undefined ? holdsWords : tx`(number = ${Number(digits)} or ${holdsWords})`;

  const before = Math.min(search.beforeNumber ?? Infinity, lastNumber + 1);
  const isAsked = isNarrowedDown(tx, search);
  const from = await readStart(tx, search, before);
  const found = await lookThrough(tx, { from, before, limit: search.limit }, isAsked, matches);
  // Else the planner may prefer to look through a stretch, too.
  if (found.length < search.limit) await tx`select set_config('enable_indexscan', 'off', true)`;
  // What none of the newest have is rare, as a rule: few are found, and the index is asked for it once.
  const first = found.length === 0 ? from : STRETCH;
  for (let [end, length] = [from, first]; end > 1 && found.length < search.limit; length *= GROWTH) {
    const stretch = { from: end - length, before: end, limit: search.limit - found.length };
    found.push(...(await askIndex(tx, stretch, isAsked, matches)));
    end = stretch.from;
  }
  return found;
}

/** Numbers from `from` on and below `before`. */
interface Stretch {
  from: number;
  before: number;
  limit: number;
}

type Condition = ReturnType<typeof isNarrowedDown>;

/** Where the newest that have the status and the requester begin. */
async function readStart(tx: Transaction, search: TicketSearch, before: number): Promise<number> {
  const [row] = await tx<{ number: number }[]>`
    select number from tickets where number < ${before} and ${isNarrowedDown(tx, search)}
    order by number desc offset ${NEWEST - 1}::int limit 1`;
  return row?.number ?? 0;
}

/** The inner order comes first, so that the planner does not ask the index of words. */
function lookThrough(tx: Transaction, stretch: Stretch, isAsked: Condition, matches: Condition): Promise<TicketRow[]> {
  const { from, before, limit } = stretch;
  return tx<TicketRow[]>`
    select ${ticketColumns(tx)} from (
      select * from tickets where number >= ${from} and number < ${before} and ${isAsked} order by number desc offset 0
    ) as newest
    where ${matches} order by number desc limit ${limit}`;
}

/** By the bitmaps of the words' index and of the numbers'. Materialised: only the tickets of the page are read whole. */
function askIndex(tx: Transaction, stretch: Stretch, isAsked: Condition, matches: Condition): Promise<TicketRow[]> {
  const { from, before, limit } = stretch;
  return tx<TicketRow[]>`
    with found as materialized (
      select number from tickets where number >= ${from} and number < ${before} and ${isAsked} and ${matches}
    )
    select ${ticketColumns(tx)} from tickets
    where number = any(array(select number from found order by number desc limit ${limit})) order by number desc`;
}

/** The words in Postgres' own form, empty where the text holds none. The plans that follow are made for these words. */
async function prepare(tx: Transaction, text: string): Promise<{ words: string; lastNumber: number }> {
  const [row] = await tx<{ words: string; lastNumber: number }[]>`
    select plainto_tsquery('simple', turno_fold(${text}))::text as words,
      (select coalesce(max(number), 0) from tickets) as "lastNumber",
      set_config('plan_cache_mode', 'force_custom_plan', true), set_config('enable_seqscan', 'off', true)`;
  if (row === undefined) throw new Error("a select without a table gave no row");
  return { words: row.words === "" ? "" : `${row.words}:*`, lastNumber: row.lastNumber };
}
