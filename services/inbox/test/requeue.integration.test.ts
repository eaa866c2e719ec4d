import { createStage, stageAgent, STAGE_GROUP, waitFor, type Stage } from "@turno/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { byAgent, configureInbox, openConversation } from "./fixtures.ts";

let stage: Stage;
beforeEach(async () => {
  stage = await createStage();
  await Promise.all([
    stage.start("router"),
    stage.start("inbox"),
    stage.start("inbox"),
    stage.start("session-tracker"),
  ]);
  await configureInbox(stage);
});
afterEach(() => stage.stop());

const group = { id: STAGE_GROUP, name: "Support" };

async function waitForAgent(conversationId: string, agentId: string) {
  return waitFor(
    async () =>
      (
        await stage.sql<{ sinceMs: number }[]>`
          select (extract(epoch from assigned_at - queued_at) * 1000)::int as "sinceMs" from conversations
          where id = ${conversationId} and state = 'active' and agent_id = ${agentId}`
      )[0],
    { what: "the conversation is with the other agent" },
  );
}

describe("a conversation", () => {
  it("without a first answer goes to another agent within a second of the limit, with the reason on its timeline", async () => {
    await stage.command("configure", { groups: [{ ...group, firstAnswerSeconds: 2 }] });
    const conversationId = await openConversation(stage, "a");
    await stage.command("set-availability", { agentId: stageAgent(1), availability: "available" });
    const { sinceMs } = await waitForAgent(conversationId, stageAgent(1));
    expect(sinceMs).toBeGreaterThanOrEqual(2_000);
    expect(sinceMs).toBeLessThan(3_500);
    const rows = await stage.sql<{ data: object }[]>`
      select data from events where entity_id = ${conversationId} and type = 'conversation.transferred'`;
    expect(rows.map(({ data }) => data)).toMatchObject([
      { reason: "No first answer within 2 s.", actor: { kind: "system" }, from: { agentId: stageAgent(0) } },
    ]);
    expect(await stage.sql`select id, active_count from agents where active_count <> 0`).toEqual([
      { id: stageAgent(1), active_count: 1 },
    ]);
  });

  it("that was answered stays, and one that nobody else can take waits rather than go to the same agent", async () => {
    await stage.command("configure", { groups: [{ ...group, firstAnswerSeconds: 1 }] });
    const answered = await openConversation(stage, "a");
    const message = { type: "text" as const, body: "hola" };
    const send = { actor: byAgent(0), agentId: stageAgent(0), conversationId: answered, message };
    expect(await stage.request("send", send)).toMatchObject({ ok: true });
    const silent = await openConversation(stage, "b");
    await waitFor(
      async () => (await stage.sql`select from conversations where id = ${silent} and state = 'queued'`).length === 1,
      { what: "the silent one waits" },
    );
    const explained = await stage.request("explain-waiting", { actor: byAgent(1), conversationId: silent });
    expect(explained).toMatchObject({
      members: expect.arrayContaining([{ agentId: stageAgent(0), why: "requeued-from" }]) as unknown,
    });
    const [row] = await stage.sql`select state, agent_id from conversations where id = ${answered}`;
    expect(row).toEqual({ state: "active", agent_id: stageAgent(0) });
  });

  it("of an agent whose presence lapsed goes to one who is present, where the group says so", async () => {
    await stage.command("heartbeat", { agentId: stageAgent(0) });
    await stage.command("configure", { groups: [{ ...group, needsPresence: true, absentRequeueSeconds: 1 }] });
    const conversationId = await openConversation(stage, "a");
    await stage.command("heartbeat", { agentId: stageAgent(1) });
    await stage.command("set-availability", { agentId: stageAgent(1), availability: "available" });
    await stage.sql`update agents set present_until = now() where id = ${stageAgent(0)}`;
    await waitForAgent(conversationId, stageAgent(1));
    const rows = await stage.sql<{ reason: string }[]>`
      select data ->> 'reason' as reason from events
      where entity_id = ${conversationId} and type = 'conversation.transferred'`;
    expect(rows).toEqual([{ reason: "The agent has been absent for 1 s." }]);
  });
});
