import { connectToDatabase, type Sql } from "@turno/database";
import { createIdSource } from "@turno/runtime";
import { createTestDatabase, stageAgent, stageId, type TestDatabase } from "@turno/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { listConversations, type ConversationList } from "../src/lists/list-conversations.ts";
import { createBuiltInTicketStore } from "../src/tickets/built-in-store.ts";

const createId = createIdSource();

const GROUPS = [stageId(1, 0), stageId(1, 1), stageId(1, 2)] as const;
const AGENTS = [0, 1, 2, 3].map(stageAgent);
const [OPERATOR, ADMIN] = [stageAgent(50), stageAgent(60)];
const STATES = ["queued", "active", "expired", "closed"] as const;

interface Stored {
  id: string;
  state: (typeof STATES)[number];
  groupId: string;
  agentId: string | null;
  queuedAt: Date;
  waitingSince: Date | null;
}

let database: TestDatabase;
let sql: Sql;
beforeEach(async () => {
  database = await createTestDatabase();
  sql = connectToDatabase(database.url, { connectionsMax: 4, name: "test", statementMsMax: 60_000 });
  await sql`insert into groups (id, name, distribution) select id, 'G', 'manual' from unnest(${[...GROUPS]}::uuid[]) as id`;
  await sql`
    insert into agents (id, name, role)
    select id, 'A', 'agent' from unnest(${[...AGENTS, OPERATOR, ADMIN]}::uuid[]) as id`;
  await sql`
    insert into channels (id, phone_number_id, name, group_id) values (${stageId(3)}, '1', 'C', ${GROUPS[0]})`;
});
afterEach(async () => {
  await sql.end({ timeout: 1 });
  await database.drop();
});

/** Each of a contact of its own, whose id is the conversation's. */
async function store(conversations: readonly Stored[]): Promise<void> {
  const rows = JSON.stringify(conversations);
  await sql`
    insert into contacts (id, created_at) select id, now() from json_to_recordset(${rows}::text::json) as one(id uuid)`;
  await sql`
    insert into conversations (id, channel_id, contact_id, group_id, state, agent_id, opened_at, queued_at, check_at, waiting_since, sequence)
    select id, ${stageId(3)}, id, "groupId", state, "agentId", "queuedAt", "queuedAt", "queuedAt", "waitingSince", 1
    from json_to_recordset(${rows}::text::json) as one(
      id uuid, "groupId" uuid, state text, "agentId" uuid, "queuedAt" timestamptz, "waitingSince" timestamptz)`;
}

/** The pages of a list, one after the other; `between` is called after each. */
async function turnPages(
  asker: Parameters<typeof listConversations>[1],
  list: Omit<ConversationList, "after" | "isByWaiting"> & { isByWaiting?: boolean },
  between: (page: number) => Promise<unknown> = async () => undefined,
): Promise<string[]> {
  const ids: string[] = [];
  let after: string | null = null;
  for (let page = 1; page === 1 || after !== null; page++) {
    const { conversations, next } = await listConversations(sql, asker, { isByWaiting: false, ...list, after });
    ids.push(...conversations.map(({ id }) => id));
    after = next;
    await between(page);
  }
  return ids;
}

/** The same instant for each three of them, in other groups and with other agents in each way that there is. */
function createConversations(count: number, state: (index: number) => Stored["state"]): Stored[] {
  return Array.from({ length: count }, (_, index) => {
    const place = Math.floor(index / STATES.length);
    const agentId = AGENTS[Math.floor(place / GROUPS.length) % AGENTS.length] ?? null;
    const isNobodys = state(index) === "queued" || (state(index) === "expired" && index % 5 === 0);
    return {
      id: createId(),
      state: state(index),
      groupId: GROUPS[place % GROUPS.length] ?? GROUPS[0],
      agentId: isNobodys ? null : agentId,
      queuedAt: new Date(Date.UTC(2026, 0, 1) + Math.floor(index / 3) * 1000),
      // In no order of the ids, each instant more than once, and none where everything was answered.
      waitingSince: index % 7 === 0 ? null : new Date(Date.UTC(2026, 0, 2) + ((index * 31) % 40) * 1000),
    };
  });
}

/** Whose customer has waited longest for an answer first, then those that wait for none. */
function longestFirst(stored: readonly Stored[], ids: readonly string[]): string[] {
  const since = new Map(stored.map(({ id, waitingSince }) => [id, waitingSince?.getTime() ?? Infinity]));
  const sinceOf = (id: string) => since.get(id) ?? Infinity;
  return ids.toSorted((left, right) => {
    if (sinceOf(left) !== sinceOf(right)) return sinceOf(left) - sinceOf(right);
    return left < right ? -1 : 1;
  });
}

const admin = { kind: "agent", role: "admin", agentId: ADMIN, groupIds: [] } as const;

describe("lists", () => {
  it("give each asker what it may see, whoever has it and whatever is asked for, once and in order", async () => {
    const stored = createConversations(240, (index) => STATES[index % STATES.length] ?? "closed");
    await store(stored);
    const [first, second] = [AGENTS[0] ?? "", AGENTS[1] ?? ""];
    const askers = [
      { kind: "service", name: "developer", groupIds: "all" } as const,
      admin,
      { kind: "agent", role: "operator", agentId: OPERATOR, groupIds: [GROUPS[0], GROUPS[1]] } as const,
      // Has conversations of its own, in groups that it leads and in one that it does not.
      { kind: "agent", role: "operator", agentId: second, groupIds: [GROUPS[1]] } as const,
      { kind: "agent", role: "agent", agentId: first, groupIds: [GROUPS[0]] } as const,
    ];
    for (const asker of askers) {
      const isAll = asker.kind === "service" || asker.role === "admin";
      for (const state of STATES) {
        for (const groupId of [null, ...GROUPS]) {
          for (const agentId of state === "queued" ? [null] : [null, first, second, ADMIN]) {
            const sees = (one: Stored) => {
              if (isAll) return true;
              const isOfGroups = (asker.groupIds as readonly string[]).includes(one.groupId);
              if (isOfGroups && (state === "queued" || asker.role === "operator")) return true;
              // Members see what expired in the queue of their group.
              if (isOfGroups && state === "expired" && one.agentId === null) return true;
              return state !== "queued" && one.agentId === asker.agentId;
            };
            const wanted = stored
              .filter((one) => one.state === state && sees(one))
              .filter((one) => groupId === null || one.groupId === groupId)
              .filter((one) => agentId === null || one.agentId === agentId)
              .map(({ id }) => id);
            const found = await turnPages(asker, { state, groupId, agentId, limit: 7 });
            expect(found, JSON.stringify({ asker, state, groupId, agentId })).toEqual(
              state === "queued" ? wanted : wanted.toReversed(),
            );
            if (state !== "queued" && state !== "active") continue;
            const byWaiting = await turnPages(asker, { state, groupId, agentId, isByWaiting: true, limit: 7 });
            expect(byWaiting, JSON.stringify({ asker, state, groupId, agentId })).toEqual(longestFirst(stored, wanted));
          }
        }
      }
    }
  });

  it.each(["queued", "closed"] as const)(
    "of %s ones give what is there all the time exactly once, whatever comes and goes between the pages",
    async (state) => {
      const all = createConversations(120, () => state);
      const late = all.filter((_, index) => index % 4 === 1);
      const leaving = all.filter((_, index) => index % 4 === 2);
      const staying = all.filter((_, index) => index % 2 === 0 && index % 4 !== 2);
      await store(all.filter((one) => !late.includes(one)));
      const found = await turnPages(admin, { state, groupId: null, agentId: null, limit: 5 }, async () => {
        // From both ends, so that they come and go before, in and after what was given already.
        const coming = [late.shift(), late.pop()].filter((one) => one !== undefined);
        const going = [leaving.shift(), leaving.pop()].map((one) => one?.id ?? null);
        await store(coming);
        await sql`update conversations set state = 'expired' where id = any(${going}::uuid[])`;
      });
      expect(new Set(found).size).toBe(found.length);
      const wanted = staying.map(({ id }) => id);
      const stayed = new Set(wanted);
      expect(found.filter((id) => stayed.has(id))).toEqual(state === "queued" ? wanted : wanted.toReversed());
      expect(found.length).toBeGreaterThan(wanted.length);
    },
  );
});

describe("searches", () => {
  it("find words however long ago they were written, newest first over any pages", async () => {
    const numbered = [3, 400, 1_999, 2_000, 2_001, 19_000, 20_000, 33_000, 34_990];
    await sql`
      insert into tickets (id, key, subject, body, status, created_at, changed_at, changed_by)
      select uuidv7(), 'k' || n, case when n = any(${numbered}::int[]) then 'Cañón ' || n else 'Otra cosa' end,
        case when n % 2 = 0 then 'par' else 'impar' end, case when n < 2000 then 'solved' else 'open' end, now(), now(), '{}'
      from generate_series(1, 35000) as n order by n`;
    const tickets = createBuiltInTicketStore(sql, createId);
    const search = async (text: string, status: "open" | "solved" | null = null): Promise<number[]> => {
      const numbers: number[] = [];
      let beforeNumber: number | null = null;
      do {
        const page = await tickets.search({ text, status, requesterId: null, beforeNumber, limit: 2, among: null });
        numbers.push(...page.map(({ number }) => number));
        beforeNumber = page.length < 2 ? null : (page.at(-1)?.number ?? null);
      } while (beforeNumber !== null);
      return numbers;
    };
    const latest = numbered.toReversed();
    const isEven = (number: number) => number % 2 === 0;
    expect(await search("canon")).toEqual(latest);
    expect(await search("CAÑÓN par")).toEqual(latest.filter(isEven));
    expect(await search("cañ", "solved")).toEqual([1_999, 400, 3]);
    expect(await search("canon", "open")).toEqual(latest.filter((number) => number >= 2_000));
    expect(await search("2000")).toEqual([20_000, 2_000]);
    expect(await search("canon nunca")).toEqual([]);
  });

  it("find all of a word that was frequent once, in its order, whatever the length of a page", async () => {
    await sql`truncate tickets restart identity cascade`;
    await sql`
      insert into tickets (id, key, subject, body, status, created_at, changed_at, changed_by)
      select uuidv7(), 'k' || n, case when n < 12000 and n % 3 = 0 then 'retirada' else 'otra' end, 'cosa',
        case when n % 4 = 0 then 'solved' else 'closed' end, now(), now(), '{}'
      from generate_series(1, 30000) as n order by n`;
    const tickets = createBuiltInTicketStore(sql, createId);
    const wanted = Array.from({ length: 3_999 }, (_, index) => 11_997 - index * 3);
    for (const [status, numbers] of [
      [null, wanted],
      ["solved", wanted.filter((number) => number % 4 === 0)],
    ] as const) {
      for (const limit of [7, 50, 1_500]) {
        const search = { text: "retirada", status, requesterId: null, beforeNumber: null, limit, among: null };
        const first = await tickets.search(search);
        const second = await tickets.search({ ...search, beforeNumber: first.at(-1)?.number ?? null });
        const found = [...first, ...second].map(({ number }) => number);
        expect(found).toEqual(numbers.slice(0, 2 * limit));
      }
    }
  });
});
