import type { Sql } from "../connection.ts";
import { ticketColumns, toTicket, type TicketRow } from "./built-in-store.ts";
import type { Ticket, TicketSearch } from "./ticket-store.ts";

/** A ticket's number as people write it. */
const NUMBER = /^#?(\d{1,15})$/;

/**
 * Tickets by number, or by words without case and accents; the last word may be unfinished.
 *
 * The plan is made for these words, not once for all: many tickets hold a frequent word, so that the latest are read
 * until there are enough; few hold a rare one, so that the index of words finds them.
 */
export async function searchTickets(sql: Sql, search: TicketSearch): Promise<Ticket[]> {
  const text = search.text.trim();
  const digits = NUMBER.exec(text)?.[1];
  const rows = await sql.begin(async (tx): Promise<TicketRow[]> => {
    await tx`select set_config('plan_cache_mode', 'force_custom_plan', true)`;
    const wordQuery = await readWords(tx, text);
    if (text !== "" && wordQuery === "" && digits === undefined) return [];
    const matches = tx`words @@ ${wordQuery}::tsquery`;
    const isNamed = digits === undefined ? matches : tx`(number = ${Number(digits)} or ${matches})`;
    return tx<TicketRow[]>`
      select ${ticketColumns(tx)} from tickets
      where true
        ${text === "" ? tx`` : tx`and ${isNamed}`}
        ${search.status === null ? tx`` : tx`and status = ${search.status}`}
        ${search.requesterId === null ? tx`` : tx`and requester_id = ${search.requesterId}`}
        ${search.beforeNumber === null ? tx`` : tx`and number < ${search.beforeNumber}`}
      order by number desc limit ${search.limit}`;
  });
  return rows.map(toTicket);
}

/** The query in Postgres' own form, empty where the text holds no word. */
async function readWords(tx: Parameters<Parameters<Sql["begin"]>[1]>[0], text: string): Promise<string> {
  const [row] = await tx<{ words: string }[]>`select plainto_tsquery('simple', turno_fold(${text}))::text as words`;
  return row === undefined || row.words === "" ? "" : `${row.words}:*`;
}
