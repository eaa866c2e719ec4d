import type { Sql } from "@turno/database";
import { LostWork } from "../ledger.ts";
import type { InboxCaller } from "./caller.ts";

interface ListPage {
  conversations: { id: string; queuedAt: string }[];
  next: string | null;
}

const PAGE_SIZE = 20;
/** Lists are read in larger pages. A cursor is a place in the list, so that small pages go on from there. */
const LEAP = 9 * PAGE_SIZE;
/** How many pages near to each other are looked at. */
const VARIANTS = 5;

interface PagedList {
  /** With its filters. */
  path: string;
  isQueue: boolean;
  /** The pages to look at, in their order; each the end of a leap. */
  pages: readonly number[];
}

/**
 * Turns the pages of a list over, some way past the last page to look at or up to the list's end, and gives the paths of
 * these pages and of some after them. Throws where one stands out of order or comes twice, or where what was seen is not
 * what the database counts off by itself.
 */
export async function turnPages(
  caller: InboxCaller,
  { path, isQueue, pages }: PagedList,
  expected: (limit: number) => Promise<string[]>,
): Promise<Map<number, string[]>> {
  const cursors = [""];
  const rows = ((pages.at(-1) ?? 1) - 1) * PAGE_SIZE + VARIANTS * LEAP;
  const seen: string[] = [];
  let before = "";
  for (let next: string | null = ""; next !== null && seen.length < rows;) {
    const page: ListPage = (await caller.get(`${path}&limit=${LEAP}${next}`)).body as ListPage;
    for (const { id, queuedAt } of page.conversations) {
      const place = isQueue ? `${queuedAt} ${id}` : id;
      const isInOrder = isQueue ? place > before : before === "" || place < before;
      if (!isInOrder) throw new LostWork(`${path}: ${place} comes after ${before}`);
      before = place;
      seen.push(id);
    }
    next = page.next === null ? null : `&after=${page.next}`;
    if (next !== null) cursors.push(next);
  }
  const wanted = await expected(rows);
  if (wanted.join() !== seen.join()) throw new LostWork(`${path}: ${seen.length} seen, ${wanted.length} are there`);
  const found = new Map<number, string[]>();
  for (const number of pages) {
    const leap = ((number - 1) * PAGE_SIZE) / LEAP;
    const paths = cursors.slice(leap, leap + VARIANTS).map((after) => `${path}&limit=${PAGE_SIZE}${after}`);
    if (paths.length > 0) found.set(number, paths);
    for (const [index, small] of paths.entries()) {
      const { conversations } = (await caller.get(small)).body as ListPage;
      const slice = wanted.slice((leap + index) * LEAP, (leap + index) * LEAP + PAGE_SIZE);
      if (conversations.map(({ id }) => id).join() !== slice.join()) throw new LostWork(`${small} is another page`);
    }
  }
  return found;
}

/** The first conversations of a state by the database alone: everything sorted, nothing paged. */
export async function readInOrder(
  sql: Sql,
  list: { state: string; groupIds: readonly string[] | null; agentId: string | null },
  limit: number,
): Promise<string[]> {
  const { state, groupIds, agentId } = list;
  const rows = await sql<{ id: string }[]>`
    with found as materialized (
      select id, queued_at from conversations
      where state = ${state}
        and (${groupIds === null} or group_id = any(${[...(groupIds ?? [])]}::uuid[]))
        and (${agentId === null} or agent_id = ${agentId}::uuid)
    )
    select id from found
    order by case when ${state === "queued"} then queued_at end, case when ${state === "queued"} then id end, id desc
    limit ${limit}`;
  return rows.map(({ id }) => id);
}
