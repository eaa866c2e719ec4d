import { createStage, stageAgent, STAGE_GROUP, stageId, waitFor, type Stage } from "@turno/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { configureInbox, openConversation, OPERATOR } from "./fixtures.ts";
import { startInbox, type InboxAnswer } from "./http.ts";

let stage: Stage;
let inbox: Awaited<ReturnType<typeof startInbox>>;
beforeAll(async () => {
  stage = await createStage();
  await Promise.all([stage.start("router"), stage.start("router"), stage.start("session-tracker")]);
  inbox = await startInbox(stage);
  await configureInbox(stage);
});
afterAll(() => stage.stop());
beforeEach(async () => {
  await setDistribution("automatic");
  await stage.command("set-availability", { agentId: stageAgent(1), availability: "away" });
});

/** One of the answers is 200; the others are 409 with one of the codes, and all of them name who was first and when. */
function expectOneWinner(answers: readonly InboxAnswer[], codes: readonly string[], by: string): void {
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  const told = { by, at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/u) as string };
  for (const { status, body } of answers.filter((answer) => answer.status !== 200)) {
    expect({ status, details: body["details"] }).toMatchObject({ status: 409, details: told });
    expect(body["code"]).toBeOneOf([...codes]);
  }
}

const setDistribution = (distribution: "automatic" | "manual") =>
  stage.command("configure", { groups: [{ id: STAGE_GROUP, name: "Support", distribution }] });

describe("of two people who ask for the same over HTTP at once, one wins, and the other gets 409 with who and when:", () => {
  it("claims", async () => {
    const [ana, bruno] = await Promise.all([inbox.as(0), inbox.as(1)]);
    await setDistribution("manual");
    await stage.publish([{ id: "wamid.a", userId: "US.a" }]);
    const id = await waitFor(
      async () => (await stage.sql<{ id: string }[]>`select id from conversations where state = 'queued'`)[0]?.id,
      { what: "it waits" },
    );
    const answers = await Promise.all([ana, bruno].map((who) => who.post(`/v1/conversations/${id}/claim`)));
    const winner = answers[0]?.status === 200 ? "Agent 0" : "Agent 1";
    expectOneWinner(answers, ["conversation-taken"], winner);
  });

  it("transfers to an agent, by whom it was with and by operators", async () => {
    const [ana, operator] = await Promise.all([inbox.as(0), inbox.as(OPERATOR)]);
    const to = { agentId: stageAgent(1) };
    const [first, second] = [await openConversation(stage, "b"), await openConversation(stage, "c")];
    await stage.command("set-availability", { agentId: stageAgent(1), availability: "available" });
    const own = await Promise.all([1, 2].map(() => ana.post(`/v1/conversations/${first}/transfer`, { to })));
    expectOneWinner(own, ["conversation-moved"], "Agent 0");
    const led = await Promise.all([1, 2].map(() => operator.post(`/v1/conversations/${second}/transfer`, { to })));
    // Whichever it finds: that it met the other on its way, or that it came after it.
    expectOneWinner(led, ["conversation-moved", "same-agent"], "Operator");
  });

  it("transfers to a group's queue, by whom it was with", async () => {
    const ana = await inbox.as(0);
    const id = await openConversation(stage, "d");
    const [other, later] = [stageId(1, 1), await openConversation(stage, "e")];
    const transfer = (conversationId: string, groupId: string) =>
      ana.post(`/v1/conversations/${conversationId}/transfer`, { to: { groupId } });
    expectOneWinner(await Promise.all([transfer(id, other), transfer(id, other)]), ["conversation-moved"], "Agent 0");
    await setDistribution("manual");
    expectOneWinner(
      await Promise.all([transfer(later, STAGE_GROUP), transfer(later, STAGE_GROUP)]),
      ["conversation-moved", "same-group"],
      "Agent 0",
    );
  });

  it("closes", async () => {
    const [ana, operator] = await Promise.all([inbox.as(0), inbox.as(OPERATOR)]);
    const id = await openConversation(stage, "f");
    await ana.post(`/v1/conversations/${id}/ticket`, { subject: "Once" });
    const answers = await Promise.all([ana, operator].map((who) => who.post(`/v1/conversations/${id}/close`)));
    expectOneWinner(answers, ["conversation-closed"], answers[0]?.status === 200 ? "Agent 0" : "Operator");
  });
});
