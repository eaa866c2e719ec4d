import { configureStage, createStage, stageAgent, STAGE_GROUP, stageId, waitFor, type Stage } from "@turno/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
  await stage.start("router");
  stage.keep();
});
afterEach(() => stage.clear());
afterAll(() => stage.stop());

const byAgent = (index: number) => ({ kind: "agent" as const, agentId: stageAgent(index) });

async function queue(count: number): Promise<string[]> {
  await stage.publish(Array.from({ length: count }, (_, index) => ({ id: `wamid.${index}`, userId: `US.${index}` })));
  const rows = await waitFor(
    async () => {
      const found = await stage.sql<{ id: string }[]>`
        select id from conversations where state = 'queued' order by queued_at, id`;
      return found.length === count && found;
    },
    { what: `${count} conversations wait` },
  );
  return rows.map(({ id }) => id);
}

describe("a manual queue", () => {
  it("gives a conversation that 50 agents claim at once to one; 49 learn who got it and when", async () => {
    await stage.start("router");
    await configureStage(stage, { agents: 50, distribution: "manual", isAvailable: false });
    const [conversationId = ""] = await queue(1);
    const replies = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        stage.request("claim", { actor: byAgent(index), agentId: stageAgent(index), conversationId }),
      ),
    );
    const winners = replies.filter((reply) => "ok" in reply);
    const refusals = replies.flatMap((reply) => ("refusal" in reply ? [reply.refusal] : []));
    expect(winners).toHaveLength(1);
    expect(refusals).toHaveLength(49);
    const [winner] = winners;
    if (winner === undefined || !("ok" in winner)) throw new Error("nobody won");
    for (const refusal of refusals) {
      expect(refusal).toMatchObject({
        code: "conversation-taken",
        details: { agentId: winner.agentId, assignedAt: winner.assignedAt, agentName: expect.any(String) as string },
      });
    }
    const assignments = await stage.sql`select agent_id from assignments where conversation_id = ${conversationId}`;
    expect(assignments).toHaveLength(1);
  });

  it("keeps conversations waiting until they are claimed, oldest first, each once", async () => {
    await configureStage(stage, { agents: 4, distribution: "manual" });
    const ids = await queue(8);
    const claims = await Promise.all(
      [0, 1, 2, 3, 0, 1, 2, 3].map((index) =>
        stage.request("claim-next", { actor: byAgent(index), agentId: stageAgent(index), groupId: STAGE_GROUP }),
      ),
    );
    const claimed = claims.map((reply) => ("ok" in reply ? reply.conversationId : reply.refusal.code));
    expect(claimed.toSorted()).toEqual(ids.toSorted());
    const empty = await stage.request("claim-next", { actor: byAgent(0), agentId: stageAgent(0) });
    expect(empty).toMatchObject({ refusal: { code: "queue-empty" } });
  });

  it("refuses a claim above capacity, for somebody else, and by who is not of the group", async () => {
    await configureStage(stage, { agents: 2, distribution: "manual", capacity: 1 });
    const outsider = stageId(2, 99);
    await stage.command("configure", { agents: [{ id: outsider, name: "Outsider" }] });
    const [first = "", second = ""] = await queue(2);
    const claim = (actor: number, agentId: string, conversationId: string) =>
      stage.request("claim", { actor: byAgent(actor), agentId, conversationId });
    expect(await claim(0, stageAgent(0), first)).toMatchObject({ ok: true });
    expect(await claim(0, stageAgent(0), second)).toMatchObject({ refusal: { code: "agent-full" } });
    expect(await claim(0, stageAgent(1), second)).toMatchObject({ refusal: { code: "not-permitted" } });
    expect(await claim(99, outsider, second)).toMatchObject({ refusal: { code: "not-a-member" } });
  });
});

describe("a transfer", () => {
  it("moves a conversation with its reason, frees the place, and gives that place to who waits", async () => {
    await configureStage(stage, { agents: 2, capacity: 1, isAvailable: false });
    await stage.command("set-availability", { agentId: stageAgent(0), availability: "available" });
    await stage.publish([
      { id: "wamid.a", userId: "US.a" },
      { id: "wamid.b", userId: "US.b" },
    ]);
    const held = await waitFor(
      async () => {
        const [row] = await stage.sql<{ id: string }[]>`select id from conversations where agent_id = ${stageAgent(0)}`;
        return row?.id;
      },
      { what: "the first is assigned" },
    );
    const transfer = { conversationId: held, to: { agentId: stageAgent(1) }, reason: "speaks Portuguese" };
    const refused = await stage.request("transfer", { actor: byAgent(0), ...transfer });
    expect(refused).toMatchObject({ refusal: { code: "agent-away" } });
    await stage.sql`update agents set availability = 'available' where id = ${stageAgent(1)}`;
    const moved = await stage.request("transfer", { actor: byAgent(0), ...transfer });
    expect(moved).toMatchObject({ ok: true, state: "active", agentId: stageAgent(1) });

    await waitFor(
      async () => {
        const rows = await stage.sql`select id from conversations where agent_id = ${stageAgent(0)} and id <> ${held}`;
        return rows.length === 1;
      },
      { what: "the freed place is filled" },
    );
    const [event] = await stage.sql<{ data: { reason: string } }[]>`
      select data from events where entity_id = ${held} and type = 'conversation.transferred'`;
    expect(event?.data.reason).toBe("speaks Portuguese");
    const ended = await stage.sql`select from assignments where conversation_id = ${held} and ended_at is not null`;
    expect(ended).toHaveLength(1);
  });

  it("lets only the agent that has it, or an operator, move a conversation; only an operator forces one", async () => {
    await configureStage(stage, { agents: 3, isAvailable: false });
    const operator = stageId(2, 50);
    await stage.command("configure", {
      agents: [{ id: operator, name: "Operator", role: "operator", groupIds: [STAGE_GROUP] }],
    });
    await stage.command("set-availability", { agentId: stageAgent(0), availability: "available" });
    await stage.publish([{ id: "wamid.a", userId: "US.a" }]);
    const conversationId = await waitFor(
      async () => (await stage.sql<{ id: string }[]>`select id from conversations where state = 'active'`)[0]?.id,
      { what: "it is assigned" },
    );
    const to = { agentId: stageAgent(2) };
    const ask = (actor: number, force: boolean) =>
      stage.request("transfer", { actor: byAgent(actor), conversationId, to, force });
    expect(await ask(1, false)).toMatchObject({ refusal: { code: "not-permitted" } });
    expect(await ask(0, true)).toMatchObject({ refusal: { code: "not-permitted" } });
    expect(await ask(50, false)).toMatchObject({ refusal: { code: "agent-away" } });
    expect(await ask(50, true)).toMatchObject({ ok: true, agentId: stageAgent(2) });
  });
});

describe("a command", () => {
  it("that is not valid is refused by the name of the field and the rule", async () => {
    const reply = await stage.request("claim", { actor: byAgent(0), agentId: "nobody", conversationId: stageId(9) });
    expect(reply).toMatchObject({ refusal: { code: "invalid", details: { faults: [{ field: "agentId" }] } } });
  });
});
