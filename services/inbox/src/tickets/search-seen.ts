import { sightOf, type Asker } from "@turno/conversation";
import type { Sql } from "@turno/database";
import { listLinked, listOfContacts, onlySeen, type OfContacts } from "./seen-tickets.ts";
import type { Ticket, TicketSearch, TicketStore } from "./ticket-store.ts";

const SIZES = {
  /** How many hits are taken at first, and at most, to keep those that are seen. */
  hits: 100,
  hitsMax: 1_600,
  /** How many of the tickets that are seen are searched at first. */
  seen: 1_000,
  /** How many times as many each further time. */
  growth: 4,
};

/**
 * Searches the tickets that the asker sees, newest first: a full page, unless there are no more. It asks two questions in
 * turn, because either may have too many answers to go through. Of the next hits, it keeps those that are seen: enough for
 * who sees much, and all for words that are rare. Then it asks for hits among the next tickets that are seen. Both go down
 * from the same number, and take more each time: see decision 0061.
 */
export async function searchSeenTickets(
  sql: Sql,
  store: TicketStore,
  asker: Asker,
  search: Omit<TicketSearch, "among">,
  /** Smaller ones let a test take every step. */
  sizes = SIZES,
): Promise<Ticket[]> {
  const sight = sightOf(asker);
  if (sight.groups === "all") return store.search({ ...search, among: null });
  const found: Ticket[] = [];
  let beforeNumber = search.beforeNumber;
  let ofContacts: OfContacts | null = null;
  for (let times = 1; ; times *= sizes.growth) {
    const atOnce = Math.max(search.limit, Math.min(sizes.hits * times, sizes.hitsMax));
    const hits = await store.search({ ...search, beforeNumber, limit: atOnce, among: null });
    found.push(...(await onlySeen(sql, sight, hits)));
    if (hits.length < atOnce || found.length >= search.limit) break;

    ofContacts ??= await listOfContacts(sql, sight);
    const before = hits.at(-1)?.number ?? 0;
    const linked = await listLinked(sql, sight, before, sizes.seen * times);
    const from = linked.length < sizes.seen * times ? 0 : (linked.at(-1) ?? 0);
    const limit = search.limit - found.length;
    const among = chooseAmong(linked, ofContacts, (number) => from <= number && number < before);
    const answer = await store.search({ ...search, beforeNumber: before, limit, among });
    // Asked once more: nobody sees what the rule denies, however a store reads `among`.
    const seen = await onlySeen(sql, sight, answer);
    found.push(...seen.filter(({ number }) => number >= from));
    beforeNumber = from;
    if (from === 0 || found.length >= search.limit) break;
  }
  return found.slice(0, search.limit);
}

function chooseAmong(
  linked: readonly number[],
  { numbers, contactIds }: OfContacts,
  isNext: (number: number) => boolean,
) {
  return { numbers: [...new Set([...linked, ...numbers.filter(isNext)])], requesterIds: contactIds };
}
