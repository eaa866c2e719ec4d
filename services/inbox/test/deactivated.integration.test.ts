import { createStage, stageAgent, type Stage } from "@turno/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ADMIN, configureInbox, openConversation } from "./fixtures.ts";
import { startInbox } from "./http.ts";

let stage: Stage;
let inbox: Awaited<ReturnType<typeof startInbox>>;
beforeEach(async () => {
  stage = await createStage();
  await stage.start("router");
  inbox = await startInbox(stage);
  await configureInbox(stage);
});
afterEach(() => stage.stop());

it("shuts a deactivated agent out at once: the API, the console and its live stream, and keeps its name", async () => {
  const conversationId = await openConversation(stage, "a");
  const [ana, admin] = [await inbox.as(0), await inbox.as(ADMIN)];
  const authorization = `Bearer ${ana.token}`;
  const live = await fetch(`${inbox.url}/v1/live`, { headers: { authorization } });
  const ended = live.text();
  const named = { id: stageAgent(0), name: "Agent 0", active: false };
  expect(await ana.post("/v1/configuration", { agents: [named] })).toMatchObject({ status: 403 });
  expect(await admin.post("/v1/configuration", { agents: [named] })).toMatchObject({ status: 200 });

  expect(await ana.get("/v1/groups")).toMatchObject({ status: 403, body: { code: "agent-deactivated" } });
  expect(await ana.post(`/v1/conversations/${conversationId}/close`)).toMatchObject({ status: 403 });
  const cookie = `turno_token=${ana.token}`;
  const page = await fetch(`${inbox.url}/console`, { headers: { cookie } });
  expect(page.status).toBe(403);
  expect(await page.text()).toContain("The agent is deactivated since");
  expect(await ended).toContain("event: ready");
  const entry = await (await fetch(`${inbox.url}/console`)).text();
  expect(entry).not.toContain(stageAgent(0));

  expect(await admin.get(`/v1/conversations/${conversationId}`)).toMatchObject({ status: 200 });
  const history = await admin.get(`/v1/conversations/${conversationId}/assignments`);
  expect(history.body["assignments"]).toMatchObject([{ agentId: stageAgent(0) }]);
});
