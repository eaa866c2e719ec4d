import { LostWork } from "../ledger.ts";
import type { InboxCaller } from "./caller.ts";
import type { TicketText } from "./ticket-text.ts";

interface SearchPage {
  tickets: { number: number }[];
  nextBeforeNumber: number | null;
}

export interface Search {
  text?: string;
  status?: string;
  beforeNumber?: number;
}

const LIMIT = 50;

export function pathOf(search: Search): string {
  const given = Object.entries(search).map(([name, value]) => `&${name}=${encodeURIComponent(value)}`);
  return `/v1/tickets?limit=${LIMIT}${given.join("")}`;
}

/** Tickets with their words as a person would compare them, in no way of the database's. */
export type Shelf = { number: number; status: string; words: string }[];

const fold = (text: string) => text.normalize("NFD").replaceAll(/\p{M}/gu, "").toLowerCase();

/** Newest first. */
export const shelve = (tickets: readonly TicketText[]): Shelf =>
  tickets
    .map(({ number, status, subject, body }) => ({ number, status, words: ` ${fold(`${subject} ${body}`)} ` }))
    .toReversed();

/** What a search must find: all words, the last one perhaps unfinished, or the number; newest first. */
function findOnShelf(shelf: Shelf, { text = "", status, beforeNumber = Infinity }: Search): number[] {
  const words = fold(text.replace("#", ""))
    .split(" ")
    .filter((word) => word !== "");
  const last = words.pop();
  const found: number[] = [];
  for (const ticket of shelf) {
    if (found.length === LIMIT) break;
    if (ticket.number >= beforeNumber || (status !== undefined && ticket.status !== status)) continue;
    const isNamed = words.length === 0 && Number(last) === ticket.number;
    const holdsAll = words.every((word) => ticket.words.includes(` ${word} `));
    if (isNamed || (holdsAll && (last === undefined || ticket.words.includes(` ${last}`)))) found.push(ticket.number);
  }
  return found;
}

/** Throws unless a search gives what the tickets themselves say. Gives where its next page begins, null on the last one. */
export async function checkSearch(caller: InboxCaller, shelf: Shelf, search: Search): Promise<number | null> {
  const { tickets, nextBeforeNumber } = (await caller.get(pathOf(search))).body as SearchPage;
  const found = tickets.map(({ number }) => number);
  const wanted = findOnShelf(shelf, search);
  if (found.join() !== wanted.join()) {
    throw new LostWork(`${JSON.stringify(search)} gave ${found.join()}; it should be ${wanted.join()}`);
  }
  if ((nextBeforeNumber !== null) !== (found.length === LIMIT)) {
    throw new LostWork(`${JSON.stringify(search)} goes on at ${nextBeforeNumber} after ${found.length}`);
  }
  return nextBeforeNumber;
}
