import { configureStage, createStage, shiftClock, stageAgent, STAGE_GROUP, waitFor, type Stage } from "@turno/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

let stage: Stage;
let routers: Awaited<ReturnType<Stage["start"]>>[];
const startRouter = () => stage.start("router", { LEASE_MS: "1000" });
beforeAll(async () => {
  stage = await createStage();
  routers = await Promise.all([startRouter(), startRouter()]);
  stage.keep();
});
afterEach(() => stage.clear());
afterAll(() => stage.stop());

const group = { id: STAGE_GROUP, name: "Support" };
const setGroup = (rules: object) => stage.command("configure", { groups: [{ ...group, ...rules }] });
const setAvailability = (index: number, availability: "available" | "away") =>
  stage.command("set-availability", { agentId: stageAgent(index), availability });

/** Customers write, and their conversations are given to whoever is available. */
async function open(count: number, from = 0): Promise<void> {
  await stage.publish(
    Array.from({ length: count }, (_, index) => ({ id: `wamid.${from + index}`, userId: `US.${from + index}` })),
  );
  await waitFor(
    async () => (await stage.sql`select distinct conversation_id from assignments`).length >= from + count,
    { what: "they are assigned" },
  );
}

const readConversations = (state: string) =>
  stage.sql<{ id: string; agentId: string | null }[]>`
    select id, agent_id as "agentId" from conversations where state = ${state} order by id`;

interface Requeued {
  fromAgentId: string;
  toAgentId: string | null;
  reason: string;
  actor: object;
  /** From the instant of the limit to that of going back, both by the database's clock. */
  lateMs: number;
}

/** What went back from the first `agents` agents, by when it was due. */
async function readRequeued(agents: number, due: "first answer" | "presence", seconds: number): Promise<Requeued[]> {
  const since = due === "presence" ? stage.sql`agent.present_until` : stage.sql`left_behind.assigned_at`;
  return stage.sql<Requeued[]>`
    select left_behind.agent_id as "fromAgentId", next.agent_id as "toAgentId", event.data ->> 'reason' as reason,
      event.data -> 'actor' as actor,
      (extract(epoch from event.occurred_at - ${since} - ${seconds}::int * interval '1 second') * 1000)::int as "lateMs"
    from events as event
    join assignments as left_behind
      on left_behind.conversation_id = event.entity_id and left_behind.ended_at = event.occurred_at
    join agents as agent on agent.id = left_behind.agent_id and agent.id < ${stageAgent(agents)}
    left join lateral (
      select agent_id from assignments where conversation_id = event.entity_id and assigned_at >= event.occurred_at
      order by assigned_at limit 1) as next on true
    where event.type = 'conversation.transferred' order by "lateMs"`;
}

/** None too early, and none after a sweep of minutes; a busy machine may be later than the second that is meant. */
function expectInTime(requeued: readonly Requeued[]): string {
  const late = requeued.map(({ lateMs }) => lateMs);
  const [median, most] = [late[Math.floor(late.length / 2)], late.at(-1)];
  expect(late[0]).toBeGreaterThanOrEqual(0);
  expect(median).toBeLessThanOrEqual(1_000);
  expect(most).toBeLessThanOrEqual(5_000);
  return `${late.length} conversations back ${median} ms after their limit in the median, ${most} ms at most`;
}

describe("a conversation", () => {
  it("without a first answer goes to another agent within a second of the limit, with the reason on its timeline", async ({
    annotate,
  }) => {
    await configureStage(stage, { agents: 5 });
    await setAvailability(4, "away");
    await setGroup({ firstAnswerSeconds: 3 });
    for (const part of [0, 1, 2, 3]) await open(12, part * 12);
    for (const index of [0, 1, 2, 3]) await setAvailability(index, "away");
    await setAvailability(4, "available");
    const requeued = await waitFor(
      async () => {
        const rows = await readRequeued(4, "first answer", 3);
        return rows.length === 48 && rows.every(({ toAgentId }) => toAgentId !== null) && rows;
      },
      { what: "all are with the other agent", timeoutMs: 30_000 },
    );
    expect(new Set(requeued.map(({ toAgentId }) => toAgentId))).toEqual(new Set([stageAgent(4)]));
    expect(requeued[0]).toMatchObject({ reason: "No first answer within 3 s.", actor: { kind: "system" } });
    await annotate(expectInTime(requeued));
  });

  it("of an agent whose presence lapsed comes back within a second of the limit, and goes to who is present", async ({
    annotate,
  }) => {
    await configureStage(stage, { agents: 8 });
    for (const index of [6, 7]) await setAvailability(index, "away");
    await open(48);
    const beat = (index: number) => stage.command("heartbeat", { agentId: stageAgent(index) });
    await Promise.all(Array.from({ length: 8 }, (_, index) => beat(index)));
    await setGroup({ needsPresence: true, absentRequeueSeconds: 1 });
    for (const index of [0, 1, 2, 3, 4, 5]) await setAvailability(index, "away");
    for (const index of [6, 7]) await setAvailability(index, "available");
    // The last heartbeats of six agents end one after another.
    await stage.sql`
      update agents set present_until = now() + (right(id::text, 1)::int * 300 + 500) * interval '1 millisecond'
      where id < ${stageAgent(6)}`;
    const requeued = await waitFor(
      async () => {
        const rows = await readRequeued(6, "presence", 1);
        return rows.length === 48 && rows.every(({ toAgentId }) => toAgentId !== null) && rows;
      },
      { what: "all are with agents who are present", timeoutMs: 30_000 },
    );
    const counts = Map.groupBy(requeued, ({ toAgentId }) => toAgentId);
    expect([6, 7].map((index) => counts.get(stageAgent(index))?.length)).toEqual([24, 24]);
    expect(requeued[0]?.reason).toBe("The agent has been absent for 1 s.");
    await annotate(expectInTime(requeued));
    expect(await stage.sql`select id from agents where active_count <> 0 order by id`).toEqual(
      [6, 7].map((index) => ({ id: stageAgent(index) })),
    );
  });

  it("that was answered by hand stays; one that nobody else can take comes back to its agent after a rest, up to a cap", async () => {
    await configureStage(stage, { agents: 1 });
    await setGroup({ firstAnswerSeconds: 2, lapsesMax: 2, countsPresence: false });
    await open(1);
    const [answered] = await readConversations("active");
    await stage.publish([
      {
        id: "wamid.echo",
        userId: "US.0",
        keyedBy: "echo",
        content: { to_user_id: "US.0", type: "text", text: { body: "ya lo veo" } },
      },
    ]);
    await open(1, 1);
    const isSilent = async () => (await readConversations("queued")).find(({ id }) => id !== answered?.id) ?? false;
    const silent = await waitFor(isSilent, { what: "the silent one waits" });
    const actor = { kind: "agent" as const, agentId: stageAgent(0) };
    const explain = () => stage.request("explain-waiting", { actor, conversationId: silent.id });
    expect(await explain()).toMatchObject({
      isHeldBack: false,
      members: [{ agentId: stageAgent(0), why: "requeued-from" }],
    });
    expect(await readConversations("active")).toEqual([{ id: answered?.id, agentId: stageAgent(0) }]);

    // A minute later there is still nobody else.
    await shiftClock(stage, 61_000);
    await setAvailability(0, "away");
    await setAvailability(0, "available");
    await waitFor(
      async () => (await stage.sql`select from assignments where conversation_id = ${silent.id}`).length === 2,
      { what: "it comes back to the only agent" },
    );
    await waitFor(
      async () => (await stage.sql`select from events where type = 'conversation.unanswered'`).length === 1,
      {
        what: "it lapsed as often as the group lets it",
      },
    );
    const [event] = await stage.sql`select data from events where type = 'conversation.unanswered'`;
    expect(event).toMatchObject({
      data: { conversationId: silent.id, lapses: 2, waitingSince: expect.any(String) as string },
    });
    await shiftClock(stage, 10 * 60_000);
    await setAvailability(0, "away");
    await setAvailability(0, "available");
    await open(1, 2);
    expect(await explain()).toMatchObject({ isHeldBack: true });
    const queue = await stage.command("list-queue", { groupId: STAGE_GROUP });
    expect(queue.waiting.find(({ conversationId }) => conversationId === silent.id)).toMatchObject({
      isHeldBack: true,
      waitingSince: (event as { data: { waitingSince: string } }).data.waitingSince,
    });
    expect(await isSilent()).toMatchObject({ id: silent.id });
    expect(await stage.request("claim", { actor, agentId: stageAgent(0), conversationId: silent.id })).toMatchObject({
      ok: true,
    });
  });

  it("that lapsed goes to who has not let it lapse while there is one", async () => {
    await configureStage(stage, { agents: 3 });
    await setAvailability(2, "away");
    await setGroup({ firstAnswerSeconds: 1, countsPresence: false });
    await open(1);
    const holders = async () =>
      (await stage.sql<{ agentId: string }[]>`select agent_id as "agentId" from assignments order by assigned_at`).map(
        ({ agentId }) => agentId,
      );
    await waitFor(async () => (await readConversations("queued")).length === 1 && (await holders()).length === 2, {
      what: "both who are there let it lapse",
    });
    expect(new Set(await holders())).toEqual(new Set([stageAgent(0), stageAgent(1)]));
    await setAvailability(2, "available");
    await waitFor(async () => (await holders()).at(-1) === stageAgent(2), { what: "the third gets it" });
  });

  it("comes back also where the router that looks is killed (SIGKILL)", async () => {
    await configureStage(stage, { agents: 1 });
    await setGroup({ firstAnswerSeconds: 1 });
    // Of two routers one looks: it is among those killed, because both are, one after the other.
    for (const [index, router] of routers.entries()) {
      await open(1, index);
      await router.kill("SIGKILL");
      await waitFor(async () => (await readConversations("queued")).length === index + 1, {
        what: "it waits again",
        timeoutMs: 30_000,
      });
      await startRouter();
    }
  });
});
