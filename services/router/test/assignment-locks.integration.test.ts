import {
  applyInbound,
  assignQueued,
  configure,
  connectToDatabase,
  readClock,
  setAvailability,
  transfer,
  type Sql,
} from "@turno/database";
import { createIdSource } from "@turno/runtime";
import {
  createTestDatabase,
  SERVICE_ACTOR,
  STAGE_GROUP,
  stageAgent,
  stageId,
  waitFor,
  type TestDatabase,
} from "@turno/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

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

const change = (named: Partial<Parameters<typeof configure>[1]>) =>
  configure(sql, { actor: SERVICE_ACTOR, groups: [], agents: [], channels: [], ...named });

async function setMember(index: number, isMember: boolean): Promise<void> {
  const groupIds = isMember ? [STAGE_GROUP] : [];
  await change({
    agents: [{ id: stageAgent(index), name: `Agent ${index}`, role: "agent", capacity: null, groupIds }],
  });
}

async function prepare(agents: number): Promise<void> {
  const rules = { needsPresence: false, returningWithinDays: 0, returningWaitSeconds: 0, closingNeedsTicket: true };
  const limits = { firstAnswerSeconds: 0, absentRequeueSeconds: 0 };
  await change({
    groups: [{ id: STAGE_GROUP, name: "Support", distribution: "automatic", ...rules, ...limits }],
    channels: [{ id: stageId(3), phoneNumberId: "123", accountId: "100", name: "Main", groupId: STAGE_GROUP }],
  });
  for (let index = 0; index < agents; index++) {
    await setMember(index, true);
    const agentId = stageAgent(index);
    await setAvailability(sql, { actor: SERVICE_ACTOR, agentId, availability: "available" }, createId);
  }
}

async function write(user: string): Promise<void> {
  const now = new Date();
  const identities = { userId: `US.${user}`, parentUserId: null, phone: null, phoneKey: null };
  const common = { key: `msg:${user}`, sentAt: now, receivedAt: now, identities, content: "{}" };
  const opening = { opensConversation: true, renewsSession: true, profile: { name: null, username: null } };
  const update = { ...common, ...opening, kind: "interaction" as const, type: "text" };
  const place = { key: common.key, field: "messages", line: "{}", receivedAt: now, phoneNumberId: "123" };
  await applyInbound(sql, { reader: null, moves: [], items: [{ ...place, kind: "update", update }], createId });
}

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
    await write("a");
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
      await write(String(index));
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
    await write("a");
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
    expect(first).toMatchObject({ answer: { state: "queued" } });
    expect(second).toMatchObject({ code: "conversation-moved", details: { by: SERVICE_ACTOR.name } });
    const [now] = await sql<
      { agentId: string }[]
    >`select agent_id as "agentId" from conversations where state = 'active'`;
    expect(now?.agentId).toBeOneOf([0, 1].map(stageAgent).filter((id) => id !== held?.agentId));
  });
});

describe("a transaction whose connection is closed by Postgres", () => {
  it("fails at once, and the next one gives out what waited", async () => {
    await prepare(1);
    await write("a");
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
