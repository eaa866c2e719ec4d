import { COMMANDS, type CommandInput } from "@turno/contracts";
import { connectToDatabase, readClock, type Sql } from "@turno/database";
import { createIdSource } from "@turno/runtime";
import {
  createTestDatabase,
  SERVICE_ACTOR,
  STAGE_GROUP,
  stageAgent,
  stageId,
  toLine,
  waitFor,
  type TestDatabase,
} from "@turno/testing";
import { interpretLine } from "@turno/whatsapp";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lockIdleQueues } from "../src/assignment/assign-opened.ts";
import { assignQueued } from "../src/assignment/assign-queued.ts";
import { setAvailability } from "../src/assignment/set-availability.ts";
import { transfer } from "../src/assignment/transfer.ts";
import { configure } from "../src/configuration/configure.ts";
import { applyInbound } from "../src/inbound/apply-inbound.ts";

const channel = { accountId: "100", ratePerSecond: null };
const createId = createIdSource();

let database: TestDatabase;
let sql: Sql;
beforeEach(async () => {
  database = await createTestDatabase();
  sql = connectToDatabase(database.url, { connectionsMax: 6, name: "membership" });
});
afterEach(async () => {
  await sql.end({ timeout: 1 });
  await database.drop();
});

const change = (named: Partial<CommandInput<"configure">>) =>
  configure(sql, COMMANDS.configure.request.parse({ actor: SERVICE_ACTOR, ...named }), createId);

async function setMember(index: number, isMember: boolean): Promise<void> {
  const groupIds = isMember ? [STAGE_GROUP] : [];
  await change({ agents: [{ id: stageAgent(index), name: `Agent ${index}`, groupIds }] });
}

const RULES = {
  needsPresence: false,
  countsPresence: false,
  returningWithinDays: 0,
  returningWaitSeconds: 0,
  closingNeedsTicket: true,
  firstAnswerSeconds: 0,
  answerSeconds: 0,
  lapsesMax: 0,
  offerSeconds: 0,
  offersMissedMax: 0,
  followUpSeconds: 0,
  whenAway: "keep" as const,
  absentRequeueSeconds: 0,
  hours: null,
  outsideHours: "ignored" as const,
  overflowGroupId: null,
  overflowSeconds: 0,
  automaticWords: null,
};

async function prepare(agents: number): Promise<void> {
  await change({
    groups: [{ id: STAGE_GROUP, name: "Support", distribution: "automatic", ...RULES }],
    channels: [{ ...channel, id: stageId(3), phoneNumberId: "123", name: "Main", groupId: STAGE_GROUP }],
  });
  for (let index = 0; index < agents; index++) {
    await setMember(index, true);
    const agentId = stageAgent(index);
    await setAvailability(sql, { actor: SERVICE_ACTOR, agentId, availability: "available" }, createId);
  }
}

/** A customer writes; meanwhile somebody works on the group, so that the conversation waits in its queue. */
const writeAndWait = (user: string) =>
  sql.begin(async (tx) => {
    await tx`select from groups where id = ${STAGE_GROUP} for update`;
    await write(user);
  });

async function write(user: string): Promise<void> {
  await applyInbound(sql, { reader: null, moves: [], items: [toItem(user, "123")], createId });
}

const toItem = (user: string, phoneNumberId: string) =>
  interpretLine(toLine({ id: user, userId: `US.${user}`, phoneNumberId }).json);

const waitForBlocked = (count: number) =>
  waitFor(
    async () => {
      const blocked = await sql`
        select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
      return blocked.length === count;
    },
    { what: `${count} wait for a lock` },
  );

describe("an agent that leaves a group", () => {
  it("gets nothing from it any more, also where giving out had begun before", async () => {
    await prepare(1);
    await writeAndWait("a");
    const [leaving, giving] = await sql.begin(async (tx) => {
      await tx`select from agents where id = ${stageAgent(0)} for update`;
      const left = setMember(0, false);
      await waitForBlocked(1);
      const given = assignQueued(sql, STAGE_GROUP, createId);
      await waitForBlocked(2);
      return [left, given].map((pending) => () => pending);
    });
    await Promise.all([leaving?.(), giving?.()]);
    expect(await sql`select state, agent_id from conversations`).toEqual([{ state: "queued", agent_id: null }]);
  });

  it("and comes back is last in turn: it earns nothing by that, however often it does it", async () => {
    await prepare(3);
    const total = 30;
    for (let index = 0; index < total; index++) {
      // Some get their agent as they open, some from the queue.
      await (index % 2 === 0 ? write : writeAndWait)(String(index));
      await assignQueued(sql, STAGE_GROUP, createId);
      await setMember(0, false);
      await setMember(0, true);
    }
    const counts = await sql<{ agentId: string; count: number }[]>`
      select agent_id as "agentId", count(*)::int as count from assignments group by 1 order by 1`;
    const of = (index: number) => counts.find(({ agentId }) => agentId === stageAgent(index))?.count ?? 0;
    expect(of(0)).toBeLessThanOrEqual(total / 3);
    expect(Math.abs(of(1) - of(2))).toBeLessThanOrEqual(1);
  });
});

describe("an assignment that waited for its group", () => {
  it("has the instant at which it was given, not at which it began to wait", async () => {
    await prepare(1);
    await writeAndWait("a");
    const [freedAt, giving] = await sql.begin(async (tx) => {
      await tx`select from groups where id = ${STAGE_GROUP} for update`;
      const given = assignQueued(sql, STAGE_GROUP, createId);
      await waitForBlocked(1);
      return [await readClock(tx), () => given] as const;
    });
    await giving();
    const [assignment] = await sql<{ assignedAt: Date }[]>`select assigned_at as "assignedAt" from assignments`;
    expect(assignment?.assignedAt.getTime()).toBeGreaterThanOrEqual(freedAt.getTime());
  });
});

describe("a conversation that opens", () => {
  const states = () => sql`
    select conversation.state, agent_id as "agentId", conversation.sequence, count(event.id)::int as events
    from conversations as conversation join events as event on event.entity_id = conversation.id
    group by conversation.id order by conversation.id`;

  it("has its agent in the same transaction, with assignment, load, turn and events", async () => {
    await prepare(2);
    await write("a");
    await write("b");
    await write("c");
    const given = { state: "active", sequence: 3, events: 3 };
    expect(await states()).toEqual([0, 1, 0].map((index) => ({ ...given, agentId: stageAgent(index) })));
    const loads = await sql`select active_count as load, last_turn as turn from agents
      join group_members on agent_id = id order by id`;
    expect(loads).toEqual([
      { load: 2, turn: 3 },
      { load: 1, turn: 2 },
    ]);
    expect(await sql`select type from events where type like 'conversation.%' order by position`).toEqual(
      [1, 2, 3].flatMap(() => [{ type: "conversation.opened" }, { type: "conversation.assigned" }]),
    );
  });

  it("waits behind those who wait, while its group or one of its agents is worked on, and where nobody has room", async () => {
    await prepare(1);
    await writeAndWait("a");
    await write("b");
    expect(await states()).toMatchObject([{ state: "queued" }, { state: "queued" }]);
    await assignQueued(sql, STAGE_GROUP, createId);
    await sql.begin(async (tx) => {
      await tx`select from agents where id = ${stageAgent(0)} for update`;
      await write("c");
    });
    expect(await states()).toMatchObject([{ state: "active" }, { state: "active" }, { state: "queued" }]);
    await assignQueued(sql, STAGE_GROUP, createId);
    const capacity = { actor: SERVICE_ACTOR, agentId: stageAgent(0), availability: "available" as const, capacity: 3 };
    await setAvailability(sql, capacity, createId);
    await write("d");
    expect((await states()).at(-1)).toMatchObject({ state: "queued", agentId: null, sequence: 2 });
  });

  it("fills an agent of two groups once, and gives the rest of a batch to the queue", async () => {
    await prepare(1);
    const other = stageId(9);
    const both = { id: stageAgent(0), name: "Agent 0", role: "agent" as const, groupIds: [STAGE_GROUP, other] };
    await change({
      groups: [{ id: other, name: "Sales", distribution: "automatic", ...RULES }],
      agents: [{ ...both, capacity: 3, force: false }],
      channels: [{ ...channel, id: stageId(8), phoneNumberId: "456", name: "Sales", groupId: other }],
    });
    await applyInbound(sql, {
      reader: null,
      moves: [],
      items: ["a", "b", "c", "d"].map((user, index) => toItem(user, index < 2 ? "123" : "456")),
      createId,
    });
    const counts =
      await sql`select group_id as "groupId", state, count(*)::int from conversations group by 1, 2 order by 1, 2`;
    expect(counts).toEqual([
      { groupId: STAGE_GROUP, state: "active", count: 2 },
      { groupId: other, state: "active", count: 1 },
      { groupId: other, state: "queued", count: 1 },
    ]);
    expect(await sql`select active_count from agents`).toEqual([{ active_count: 3 }]);
  });
});

describe("two same transfers that meet", () => {
  it("move the conversation once, also where it was given to an agent between them", async () => {
    await prepare(2);
    await write("a");
    await assignQueued(sql, STAGE_GROUP, createId);
    const [held] = await sql<{ id: string; agentId: string }[]>`select id, agent_id as "agentId" from conversations`;
    const to = { groupId: STAGE_GROUP };
    const request = { actor: SERVICE_ACTOR, conversationId: held?.id ?? "", to, force: false, reason: undefined };
    const pending = await sql.begin(async (tx) => {
      await tx`select from groups where id = ${STAGE_GROUP} for update`;
      const asks: ReturnType<typeof transfer>[] = [];
      for (const ask of [transfer, transfer]) {
        asks.push(ask(sql, request, createId));
        await waitForBlocked(asks.length);
      }
      const given = assignQueued(sql, STAGE_GROUP, createId);
      await waitForBlocked(3);
      return () => Promise.all([...asks, given]);
    });
    const [first, second] = await pending();
    expect(first).toMatchObject({ state: "queued" });
    expect(second).toMatchObject({ code: "conversation-moved", details: { by: SERVICE_ACTOR.name } });
    const [now] = await sql<
      { agentId: string }[]
    >`select agent_id as "agentId" from conversations where state = 'active'`;
    expect(now?.agentId).toBeOneOf([0, 1].map(stageAgent).filter((id) => id !== held?.agentId));
  });
});

describe("groups in which something opens in one transaction", () => {
  it("are decided at one instant, which the assignments bear: presence lapses in none of them in between", async () => {
    await prepare(1);
    await sql`
      insert into groups (id, name, distribution) select ${stageId(1, 1)}::uuid, name, distribution from groups`;
    // Reading the clock takes time.
    await sql.unsafe(`
      create or replace function turno_now() returns timestamptz language plpgsql volatile as $$
      begin perform pg_sleep(0.01); return turno_clock(); end $$`);
    const opened = [STAGE_GROUP, stageId(1, 1)].map((groupId) => ({ groupId }));
    const queues = await sql.begin((tx) => lockIdleQueues(tx, opened));
    expect(queues).toHaveLength(2);
    expect(queues[1]?.now).toEqual(queues[0]?.now);
  });
});

describe("a transaction whose connection is closed by Postgres", () => {
  it("fails at once, and the next one gives out what waited", async () => {
    await prepare(1);
    await writeAndWait("a");
    await sql.begin(async (tx) => {
      await tx`select from groups where id = ${STAGE_GROUP} for update`;
      const outcome = assignQueued(sql, STAGE_GROUP, createId).then(
        () => "given",
        (error: Error) => error.message,
      );
      await waitForBlocked(1);
      await tx`
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`;
      expect(await outcome).toContain("CONNECTION_CLOSED");
    });
    await assignQueued(sql, STAGE_GROUP, createId);
    expect(await sql`select state, agent_id from conversations`).toEqual([
      { state: "active", agent_id: stageAgent(0) },
    ]);
  });
});
