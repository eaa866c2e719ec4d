import { configureStage, createStage, STAGE_GROUP, stageAgent, waitFor, type Stage } from "@turno/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let stage: Stage;
beforeEach(async () => {
  stage = await createStage();
});
afterEach(() => stage.stop());

const conversations = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => ({ id: `wamid.${from + index}`, userId: `US.${from + index}` }));

const countQueued = async () => {
  const [row] = await stage.sql<
    { count: number }[]
  >`select count(*)::int as count from conversations where state = 'queued'`;
  return row?.count ?? -1;
};

/** Conversations; more by hand. */
const TOTAL = Number(process.env["CONVERSATIONS"] ?? 4_000);

describe("distribution by the running router", () => {
  it(`gives ${TOTAL} conversations to 10 agents evenly with 8 routers, some killed and added on the way (SIGKILL)`, async () => {
    const first = await stage.start("router", { LEASE_MS: "2000" });
    await configureStage(stage, { agents: 10 });
    const routers = [
      first,
      ...(await Promise.all(Array.from({ length: 7 }, () => stage.start("router", { LEASE_MS: "2000" })))),
    ];
    const half = stage.publish(conversations(TOTAL / 2), 20);
    await waitFor(async () => (await countActive()) > TOTAL / 20, { what: "work is under way", timeoutMs: 60_000 });
    await Promise.all(routers.slice(0, 3).map((router) => router.kill("SIGKILL")));
    await half;
    const rest = stage.publish(conversations(TOTAL / 2, TOTAL / 2), 20);
    await Promise.all([stage.start("router", { LEASE_MS: "2000" }), stage.start("router", { LEASE_MS: "2000" })]);
    await rest;
    await waitFor(async () => (await countActive()) === TOTAL, { what: "all are assigned", timeoutMs: 120_000 });

    const counts = await stage.sql<
      { count: number }[]
    >`select count(*)::int as count from assignments group by agent_id`;
    expect(counts.map(({ count }) => count).toSorted((a, b) => a - b)).toEqual(Array(10).fill(TOTAL / 10));
    const [state] = await stage.sql`
      select
        (select count(*)::int from conversations) as conversations,
        (select count(*)::int from messages) as messages,
        (select count(*)::int from conversations where state <> 'active') as unassigned,
        (select count(*)::int from (select from assignments group by conversation_id having count(*) > 1) as twice) as twice,
        (select count(*)::int from agents where active_count <> (
          select count(*) from conversations where agent_id = agents.id and state = 'active')) as miscounted`;
    expect(state).toEqual({ conversations: TOTAL, messages: TOTAL, unassigned: 0, twice: 0, miscounted: 0 });
  }, 240_000);

  it("fills a free place at once, oldest first, and stops at capacity", async () => {
    await stage.start("router");
    await configureStage(stage, { agents: 2, capacity: 1, isAvailable: false });
    await stage.publish(conversations(50));
    await waitFor(async () => (await countQueued()) === 50, { what: "50 wait" });

    await stage.command("set-availability", { agentId: stageAgent(0), availability: "available" });
    await waitFor(async () => (await countQueued()) === 49, { what: "the free place is filled" });
    await stage.command("set-availability", { agentId: stageAgent(1), availability: "available", capacity: 3 });
    await waitFor(async () => (await countQueued()) === 46, { what: "three more places are filled" });
    const rows = await stage.sql<{ isOldest: boolean }[]>`
      select id in (select id from conversations order by queued_at, id limit 4) as "isOldest"
      from conversations where state = 'active'`;
    expect(rows.map(({ isOldest }) => isOldest)).toEqual([true, true, true, true]);
  });

  it("goes on with what comes in while any number of commands wait for a row", async () => {
    await stage.start("router");
    await configureStage(stage, { agents: 2 });
    const blocked = () => stage.sql`
      select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    const answered = await stage.sql.begin(async (tx) => {
      await tx`select from agents where id = ${stageAgent(1)} for update`;
      const change = { agentId: stageAgent(1), availability: "away" as const };
      const commands = Array.from({ length: 20 }, () => stage.command("set-availability", change));
      const answers = Promise.allSettled(commands);
      await waitFor(async () => (await blocked()).length > 0, { what: "a command waits for the agent's row" });
      await stage.publish(conversations(1));
      await waitFor(async () => (await countActive()) === 1, { what: "the conversation is given out" });
      return () => answers;
    });
    expect(await answered()).toHaveLength(20);
  });

  it("gives out what a killed router had opened but not given out, without anybody asking", async () => {
    const router = await stage.start("router", { LEASE_MS: "1000" });
    await configureStage(stage, { agents: 1, isAvailable: false });
    await stage.publish(conversations(5));
    await waitFor(async () => (await countQueued()) === 5, { what: "5 wait" });
    await router.kill("SIGKILL");
    await stage.sql`update agents set availability = 'available'`;
    await stage.start("router", { LEASE_MS: "1000" });
    await waitFor(async () => (await countQueued()) === 0, { what: "they are given out" });
  });

  it("says why an agent got a conversation, and why one still waits", async () => {
    await stage.start("router");
    await configureStage(stage, { agents: 2, capacity: 1, isAvailable: false });
    await stage.command("set-availability", { agentId: stageAgent(1), availability: "available" });
    await stage.publish(conversations(2));
    const [active] = await waitFor(
      async () => {
        const rows = await stage.sql<{ id: string }[]>`select id from conversations where state = 'active'`;
        return rows.length === 1 && (await countQueued()) === 1 && rows;
      },
      { what: "one is assigned and one waits" },
    );
    const [waiting] = await stage.sql<{ id: string }[]>`select id from conversations where state = 'queued'`;
    const why = await stage.command("explain-assignment", { conversationId: active?.id ?? "" });
    expect(why.assignments).toMatchObject([
      {
        agentId: stageAgent(1),
        reason: { rule: "turn", candidates: [stageAgent(1)], leftOut: [{ agentId: stageAgent(0), why: "away" }] },
      },
    ]);
    const still = await stage.command("explain-waiting", { conversationId: waiting?.id ?? "" });
    expect(still).toMatchObject({ position: 1, distribution: "automatic" });
    expect(still.members.toSorted((a, b) => a.agentId.localeCompare(b.agentId))).toEqual([
      { agentId: stageAgent(0), why: "away" },
      { agentId: stageAgent(1), why: "full" },
    ]);
    expect((await stage.command("list-queue", { groupId: STAGE_GROUP })).total).toBe(1);
  });
});

async function countActive(): Promise<number> {
  const [row] = await stage.sql<
    { count: number }[]
  >`select count(*)::int as count from conversations where state = 'active'`;
  return row?.count ?? -1;
}
