import { isTicketSeen, type Asker, type HeldConversation, type Role } from "@turno/conversation";
import { connectToDatabase, typed, type Sql } from "@turno/database";
import { contacts, conversations, tickets } from "@turno/database/schema";
import { createTestDatabase, stageAgent, stageId, type TestDatabase } from "@turno/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBuiltInTicketStore } from "../src/tickets/built-in-store.ts";
import { searchSeenTickets } from "../src/tickets/search-seen.ts";
import { findSeenTicket } from "../src/tickets/ticket-permission.ts";
import type { Ticket, TicketStore } from "../src/tickets/ticket-store.ts";
import { createMemoryTicketStore } from "./memory-ticket-store.ts";

const [GROUPS, AGENTS, CONTACTS, TICKETS, CONVERSATIONS] = [3, 4, 40, 160, 260];
/** A page needs the newest hits, and several steps through what the asker sees. */
const [LIMIT, SIZES] = [20, { hits: 24, hitsMax: 30, seen: 4, growth: 3 }];
const SEED = Number(process.env["SEED"] ?? 1);

/** The same numbers from the same seed. */
function createDraws(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) / 2 ** 24;
  };
}

interface Held extends HeldConversation {
  contactId: string;
  ticketId: string | null;
}

const EVERYTHING = { text: "", status: null, requesterId: null, beforeNumber: null, limit: TICKETS, among: null };

let database: TestDatabase;
let sql: Sql;
let made: Ticket[];
let held: Held[];
/** By contact, the one that it was joined with. */
const joined = new Map<string, string>();

beforeAll(async () => {
  database = await createTestDatabase();
  sql = connectToDatabase(database.url, { connectionsMax: 2, name: "test" });
  await populate(createDraws(SEED));
});
afterAll(async () => {
  await sql.end({ timeout: 1 });
  await database.drop();
});

async function populate(random: () => number): Promise<void> {
  const below = (count: number) => Math.floor(random() * count);
  const contactIds = Array.from({ length: CONTACTS }, (_, index) => stageId(2, index));
  for (const id of contactIds.slice(0, 10)) joined.set(id, contactIds[10 + below(CONTACTS - 10)] ?? "");
  const now = new Date();
  await typed(sql)
    .insert(contacts)
    .values(contactIds.map((id) => ({ id, createdAt: now, joinedIntoId: joined.get(id) ?? null })));
  await typed(sql)
    .insert(tickets)
    .values(
      Array.from({ length: TICKETS }, (_, index) => ({
        id: stageId(5, index),
        key: `${index}`,
        subject: random() < 0.06 ? "Rara" : random() < 0.5 ? "Común" : "Otra",
        body: "",
        requesterId: random() < 0.7 ? (contactIds[below(CONTACTS)] ?? null) : null,
        status: random() < 0.1 ? ("solved" as const) : ("open" as const),
        createdAt: now,
        changedAt: now,
        changedBy: { kind: "service" as const, name: "test" },
      })),
    );
  made = await createBuiltInTicketStore(sql, () => "").search(EVERYTHING);
  const values = Array.from({ length: CONVERSATIONS }, (_, index) => {
    // Few are open: else everybody works with everybody.
    const state = random() < 0.97 ? (random() < 0.95 ? "closed" : "failed") : random() < 0.5 ? "expired" : "active";
    const isHeld = state === "active" || random() < 0.9;
    const ticket = random() < 0.6 ? made[below(TICKETS)] : undefined;
    return {
      id: stageId(4, index),
      channelId: stageId(3, index),
      contactId: contactIds[10 + below(CONTACTS - 10)] ?? "",
      groupId: stageId(1, below(GROUPS)),
      state: state === "expired" && !isHeld && random() < 0.5 ? ("queued" as const) : (state as "closed"),
      agentId: isHeld ? stageAgent(below(AGENTS)) : null,
      openedAt: now,
      queuedAt: now,
      checkAt: now,
      sequence: 0,
      ticketId: ticket?.id ?? null,
      ticketNumber: ticket?.number ?? null,
      ticketLink: ticket === undefined ? null : random() < 0.5 ? ("proposed" as const) : ("confirmed" as const),
    };
  });
  await typed(sql).insert(conversations).values(values);
  held = values;
}

/** Whom the rules say that sees what, by the conversations themselves. */
function listSeenBy(asker: Asker): Set<string> {
  const seen = made.filter(({ id, requesterId }) => {
    const linked = held.filter(({ ticketId }) => ticketId === id);
    const about = new Set(linked.map(({ contactId }) => contactId));
    if (requesterId !== null) about.add(joined.get(requesterId) ?? requesterId);
    return isTicketSeen(asker, { linked, ofContacts: held.filter(({ contactId }) => about.has(contactId)) });
  });
  return new Set(seen.map(({ id }) => id));
}

const person = (role: Role, agent: number, ...groups: number[]): Asker => ({
  kind: "agent",
  role,
  agentId: stageAgent(agent),
  groupIds: groups.map((group) => stageId(1, group)),
});
const ASKERS: Record<string, Asker> = {
  "an agent": person("agent", 0, 0),
  "an agent of two groups": person("agent", 1, 1, 2),
  "an agent of no group": person("agent", 2),
  "an agent without conversations": person("agent", 70, 0),
  "an agent without anything": person("agent", 71),
  "an operator": person("operator", 50, 1),
  "an operator who has some": person("operator", 3, 0, 2),
  "an operator of nothing": person("operator", 52),
  "an admin": person("admin", 60),
  "a service": { kind: "service", name: "cli", groupIds: "all" },
  "a program": { kind: "service", name: "bot", groupIds: [stageId(1, 1)] },
  "a program of no group": { kind: "service", name: "observer", groupIds: [] },
};

/** A store that knows nothing of our database. */
async function copyToMemory(): Promise<TicketStore> {
  const oldestFirst = made.toReversed();
  const ids = oldestFirst.map(({ id }) => id);
  const store = createMemoryTicketStore(
    () => new Date(),
    () => ids.shift() ?? "",
  );
  const author = { kind: "service", name: "test" } as const;
  for (const { id: key, subject, body, requesterId, requester } of oldestFirst) {
    await store.create({ key, subject, body, requesterId, requester, author });
  }
  for (const { id, status } of oldestFirst) await store.edit(id, { author, version: null, status });
  return store;
}

describe.each(Object.keys(ASKERS))("%s", (name) => {
  const asker = ASKERS[name] as Asker;

  it("finds what the rules say that it sees, page by page, full pages, in any store", async () => {
    const seen = listSeenBy(asker);
    const stores = { built: createBuiltInTicketStore(sql, () => ""), memory: await copyToMemory() };
    for (const [kept, store] of Object.entries(stores)) {
      for (const [text, status] of [
        ["", null],
        ["comun", "open"],
        ["rara", null],
      ] as const) {
        const wanted = made.filter(
          (one) =>
            seen.has(one.id) &&
            (status === null || one.status === status) &&
            one.subject.toLowerCase().normalize("NFD").replaceAll(/\p{M}/gu, "").startsWith(text),
        );
        const found: number[] = [];
        for (let beforeNumber: number | null = null; ; beforeNumber = found.at(-1) ?? 0) {
          const search = { text, status, requesterId: null, beforeNumber, limit: LIMIT };
          const page = await searchSeenTickets(sql, store, asker, search, SIZES);
          found.push(...page.map(({ number }) => number));
          if (page.length < LIMIT) break;
        }
        expect(found, `${kept}, ${text}, ${status}`).toEqual(wanted.map(({ number }) => number));
      }
    }
  });
});

it("each of them reads a ticket by its number or id where it sees it, and else is told that there is none", async () => {
  const store = createBuiltInTicketStore(sql, () => "");
  const agent = { kind: "agent" as const, agentId: stageAgent(0) };
  await sql`insert into groups (id, name, distribution) values (${stageId(1, 0)}, 'G', 'manual')`;
  await sql`insert into agents (id, name, role) values (${agent.agentId}, 'A', 'agent')`;
  await sql`insert into group_members (group_id, agent_id) values (${stageId(1, 0)}, ${agent.agentId})`;
  const seen = listSeenBy(ASKERS["an agent"] as Asker);
  const one = made.find(({ id }) => seen.has(id)) as Ticket;
  const another = made.find(({ id }) => !seen.has(id)) as Ticket;
  for (const ticket of [{ id: one.id }, { number: one.number }]) {
    expect(await findSeenTicket(sql, store, { actor: agent, ticket })).toEqual(one);
  }
  const refused = await findSeenTicket(sql, store, { actor: agent, ticket: { number: another.number } });
  expect(refused).toEqual({ code: "not-found", message: `There is no ticket ${another.number} that you may see.` });
  expect(await findSeenTicket(sql, store, { actor: agent, ticket: { number: 999_999 } })).toEqual({
    ...refused,
    message: "There is no ticket 999999 that you may see.",
  });
});
