import type { Sql } from "@turno/database";
import type { InboxCaller } from "./caller.ts";
import { groupIdOf, OPERATOR_GROUPS, PEOPLE, inboxAgentIdOf } from "./inbox-population.ts";
import { readInOrder, turnPages } from "./pages.ts";
import { checkSearch, pathOf, type Search, type Shelf } from "./searches.ts";
import { LANGUAGES, OLD_WORD, wordOf } from "./ticket-text.ts";

export type Looker = keyof typeof PEOPLE;
export type Callers = Record<Looker, InboxCaller>;

/** Something people look at: requests of one kind, which are made in turn. */
export interface Look {
  name: string;
  person: Looker;
  paths: string[];
  /** The look whose cost this one's is told as a multiple of. */
  against?: string;
}

const range = (count: number) => Array.from({ length: count }, (_, index) => index);
const STATES = ["queued", "active", "expired", "closed"] as const;

/** Lists by state, each read to the deep pages that it has, and checked. */
export async function createListLooks(sql: Sql, callers: Callers, deepPages: readonly number[]): Promise<Look[]> {
  const operatorGroups = Array.from({ length: OPERATOR_GROUPS }, (_, index) => groupIdOf(index));
  const looks: Look[] = [];
  const look = async (
    person: Looker,
    state: (typeof STATES)[number],
    scope: { groupIds: readonly string[] | null; agentId: string | null },
    filter: { name: string; query: string } | null = null,
  ) => {
    const name = `list ${state}${filter?.name ?? ""}`;
    const path = `/v1/conversations?state=${state}${filter?.query ?? ""}`;
    // What is narrowed down is not read far: its order is that of the list.
    const list = { path, isQueue: state === "queued", pages: filter === null ? [1, ...deepPages] : [1] };
    const found = await turnPages(callers[person], list, (limit) => readInOrder(sql, { state, ...scope }, limit));
    for (const [page, paths] of found) {
      looks.push(
        page === 1 ? { name, person, paths } : { name: `${name}, page ${page}`, person, paths, against: name },
      );
    }
  };
  for (const state of STATES) {
    await look("admin", state, { groupIds: null, agentId: null });
    await look("operator", state, { groupIds: operatorGroups, agentId: null });
    const own = state === "queued" ? { groupIds: [groupIdOf(0), groupIdOf(1)], agentId: null } : null;
    await look("agent", state, own ?? { groupIds: null, agentId: PEOPLE.agent });
    const [large, small] = [groupIdOf(0), groupIdOf(19)];
    for (const [size, groupId] of Object.entries({ large, small })) {
      const filter = { name: `, a ${size} group`, query: `&groupId=${groupId}` };
      await look("admin", state, { groupIds: [groupId], agentId: null }, filter);
    }
    if (state === "queued") continue;
    const [busy, rare, nobody] = [inboxAgentIdOf(0), inboxAgentIdOf(399), PEOPLE.admin];
    for (const [who, agentId] of Object.entries({ "a busy agent": busy, "a rare agent": rare, nobody })) {
      await look("admin", state, { groupIds: null, agentId }, { name: `, of ${who}`, query: `&agentId=${agentId}` });
    }
    const query = `&agentId=${inboxAgentIdOf(391)}`;
    await look(
      "operator",
      state,
      { groupIds: operatorGroups, agentId: inboxAgentIdOf(391) },
      { name: ", of a rare agent", query },
    );
  }
  return looks;
}

/** Queues with position and waiting time, and what one conversation holds. */
export async function createReadLooks(sql: Sql): Promise<Look[]> {
  const [some] = await sql<Record<"queued" | "long" | "short", string[]>[]>`
    select
      array(select id from conversations where state = 'queued' and group_id = ${groupIdOf(0)} limit 50) as queued,
      array(select id from conversations where sequence > 2 limit 50) as long,
      array(select id from conversations where state = 'closed' and ticket_id is not null limit 50) as short`;
  if (some === undefined) throw new Error("a select without a table gave no row");
  const paths = (ids: readonly string[], rest = "") => ids.map((id) => `/v1/conversations/${id}${rest}`);
  return [
    { name: "queue of a large group", person: "agent", paths: [`/v1/groups/${groupIdOf(0)}/queue?limit=50`] },
    { name: "queue of a small group", person: "admin", paths: [`/v1/groups/${groupIdOf(19)}/queue?limit=50`] },
    { name: "groups, with who waits", person: "admin", paths: ["/v1/groups"] },
    { name: "why one waits, with its position", person: "agent", paths: paths(some.queued, "/waiting") },
    { name: "one conversation", person: "admin", paths: paths(some.short) },
    { name: "messages of a long one", person: "admin", paths: paths(some.long, "/messages") },
    { name: "timeline of a long one", person: "admin", paths: paths(some.long, "/timeline") },
    {
      name: "timeline of a long one, from 200",
      person: "admin",
      paths: paths(some.long, "/timeline?after=200"),
    },
  ];
}

const words = (fromRank: number, step: number): Search[] =>
  range(12).map((index) => ({ text: wordOf(LANGUAGES[index % LANGUAGES.length] ?? "es", fromRank + step * index) }));
const texts = (...given: string[]): Search[] => given.map((text) => ({ text }));

/** What people search for, and what is hard: words that never meet, words that went out of use, single letters. */
function listSearches(tickets: number): Record<string, Search[]> {
  const beforeNumber = Math.floor(tickets / 2);
  return {
    "nothing, newest first": [{}],
    "nothing, from the middle": [{ beforeNumber }],
    "nothing, pending ones, of which there are none": [{ status: "pending" }],
    "a number": range(12).map((index) => ({ text: `#${Math.floor((tickets * (index + 1)) / 13)}` })),
    "a number of one digit": texts("1", "4", "7", "9"),
    "a rare word": words(12_000, 400),
    "a word in one of a hundred": words(150, 20),
    "a word in one of twenty": words(45, 2),
    "a very common word": texts("factura", "fatura", "invoice", "de", "the", "pedido"),
    "with and without accents": texts("reclamación", "RECLAMACION", "situação", "situacao", "año", "café"),
    "a very common word, from the middle": texts("factura", "invoice").map((search) => ({ ...search, beforeNumber })),
    "a common word that the newer half has not": texts(OLD_WORD),
    "the same, solved ones": [{ text: OLD_WORD, status: "solved" }],
    "a common and a rare word": words(9_000, 300).map(({ text }) => ({ text: `factura ${text}` })),
    "a rare and a common word": words(9_000, 300).map(({ text }) => ({ text: `${text} factura` })),
    "two common words": texts("factura pedido", "fatura pedido", "invoice order"),
    "two common words that never meet": texts("factura invoice", "order contraseña"),
    "three common words, the last unfinished": texts("la factura ped", "the invoice ord"),
    "one letter": texts("a", "c", "p", "t"),
    "two letters": texts("re", "ca", "pr", "zz", "ña"),
    "a common word, solved ones": texts("factura", "invoice").map((search) => ({ ...search, status: "solved" })),
    "a common word, open ones, where none are": [{ text: "factura", status: "open", beforeNumber }],
  };
}

/** What those search for who see a part of the tickets: frequent and rare words, and none that they see. */
const PART_OF_THEM = [
  "nothing, newest first",
  "nothing, pending ones, of which there are none",
  "a rare word",
  "a word in one of twenty",
  "a very common word",
  "a common word that the newer half has not",
];

/** Searches for tickets, each checked against the tickets that the person sees, and the second page of some. */
export async function createSearchLooks(sql: Sql, callers: Callers, shelf: Shelf): Promise<Look[]> {
  const looks: Look[] = [];
  const groups = { agent: [groupIdOf(0), groupIdOf(1)], operator: range(OPERATOR_GROUPS).map(groupIdOf) };
  const kinds = Object.entries(listSearches(shelf.length));
  await look("admin", shelf, kinds);
  for (const person of ["agent", "operator"] as const) {
    const seen = await readSeen(sql, PEOPLE[person], groups[person], person === "operator");
    const ofPerson = shelf.filter(({ number }) => seen.has(number));
    await look(
      person,
      ofPerson,
      kinds.filter(([kind]) => PART_OF_THEM.includes(kind)),
    );
  }
  return looks;

  async function look(person: Looker, ofPerson: Shelf, asked: typeof kinds): Promise<void> {
    for (const [kind, searches] of asked) {
      const nexts: Search[] = [];
      for (const search of searches) {
        const last = await checkSearch(callers[person], ofPerson, search);
        if (last === null) continue;
        nexts.push({ ...search, beforeNumber: last });
        await checkSearch(callers[person], ofPerson, { ...search, beforeNumber: last });
      }
      const name = `search: ${kind}`;
      looks.push({ name, person, paths: searches.map(pathOf) });
      if (nexts.length === searches.length) {
        looks.push({ name: `${name}, second page`, person, paths: nexts.map(pathOf), against: name });
      }
    }
  }
}

/** The numbers of the tickets that somebody sees, counted off by the database in no way of the inbox's. */
async function readSeen(sql: Sql, agentId: string, groupIds: string[], isLeading: boolean): Promise<Set<number>> {
  const rows = await sql<{ number: number }[]>`
    with readable as (
      select * from conversations
      where agent_id = ${agentId} or (group_id = any(${groupIds}::uuid[]) and (${isLeading} or agent_id is null))
    ), customers as (
      select contact_id from readable where state in ('queued', 'active', 'expired')
    )
    select ticket_number as number from readable where ticket_id is not null
    union
    select ticket_number from conversations
    where ticket_id is not null and contact_id in (select contact_id from customers)
    union
    select number from tickets where requester_id in (select contact_id from customers)`;
  return new Set(rows.map(({ number }) => number));
}
