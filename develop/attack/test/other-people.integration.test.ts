import { configureStage, createStage, stageAgent, stageId, waitFor, type Stage } from "@turno/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** People of ours who have a token and are curious: an agent of no group, and an operator of another one. */
const [OWNER, STRANGER, OTHER_OPERATOR] = [0, 70, 51];
const OTHER_GROUP = stageId(1, 1);

let stage: Stage;
let inboxUrl: string;
let conversationId: string;
let actionId: string;
const tokens = new Map<number, string>();

beforeAll(async () => {
  stage = await createStage();
  const [inbox] = await Promise.all([
    stage.start("inbox", { LOCAL_ISSUER: "on" }),
    stage.start("router"),
    stage.start("session-tracker"),
  ]);
  inboxUrl = inbox.url;
  await configureStage(stage, { agents: 1 });
  await stage.command("configure", {
    groups: [{ id: OTHER_GROUP, name: "Other", distribution: "manual" }],
    agents: [
      { id: stageAgent(STRANGER), name: "Stranger", capacity: 1 },
      { id: stageAgent(OTHER_OPERATOR), name: "Otto", role: "operator", groupIds: [OTHER_GROUP] },
    ],
  });
  for (const index of [OWNER, STRANGER, OTHER_OPERATOR]) {
    const issued = await fetch(`${inboxUrl}/local/token/${stageAgent(index)}`, { method: "POST" });
    tokens.set(index, ((await issued.json()) as { token: string }).token);
  }
  await stage.publish([{ id: "wamid.1", userId: "US.1", text: "mi clave es secreta" }]);
  conversationId = await waitFor(
    async () => (await stage.sql<{ id: string }[]>`select id from conversations where state = 'active'`)[0]?.id,
    { what: "a conversation is active" },
  );
  await ask(OWNER, "POST", `/v1/conversations/${conversationId}/ticket`, { subject: "Reembolso" });
  await ask(OWNER, "POST", `/v1/conversations/${conversationId}/close`);
  actionId = await waitFor(async () => (await stage.sql<{ id: string }[]>`select id from ticket_actions`)[0]?.id, {
    what: "what was said is on the ticket",
  });
});
afterAll(() => stage.stop());

async function ask(index: number, method: string, path: string, body?: object) {
  const answer = await fetch(`${inboxUrl}${path}`, {
    method,
    headers: { authorization: `Bearer ${tokens.get(index)}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, text, body: JSON.parse(text) as Record<string, unknown> };
}

async function readScreen(index: number): Promise<string> {
  const headers = { cookie: `turno_token=${tokens.get(index)}` };
  return (await fetch(`${inboxUrl}/console/t/1`, { headers })).text();
}

describe("somebody of another group with a token", () => {
  it.each([
    ["an agent of no group", STRANGER],
    ["an operator of another group", OTHER_OPERATOR],
  ])(
    "%s finds, reads, edits and notes no ticket, whatever the search, and learns no number of one",
    async (_who, index) => {
      for (const query of ["", "?text=reembolso", "?text=clave+secreta", "?text=1", "?status=open", "?limit=1"]) {
        const found = await ask(index, "GET", `/v1/tickets${query}`);
        expect([found.status, found.body], query).toEqual([200, { tickets: [], nextBeforeNumber: null }]);
      }
      const refused = [
        await ask(index, "GET", "/v1/tickets/1"),
        await ask(index, "GET", `/v1/tickets/1/actions/${actionId}`),
        await ask(index, "PATCH", "/v1/tickets/1", { status: "closed", comment: "mío" }),
        await ask(index, "POST", `/v1/tickets/1/actions/${actionId}/note`, { note: "mío" }),
        // The inbox tells it as what is not there.
        await ask(index, "GET", "/v1/tickets/2"),
      ];
      expect(refused.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404]);
      for (const { text } of refused) expect(text).not.toMatch(/reembolso|secreta|Customer/i);
      expect(await readScreen(OWNER)).toMatch(/Reembolso[\s\S]*mi clave es secreta/);
      expect(await readScreen(index)).not.toMatch(/reembolso|secreta/i);
      expect(await ask(OWNER, "GET", "/v1/tickets/1")).toMatchObject({ status: 200, body: { ticket: { version: 1 } } });
    },
  );

  it("an agent sees no templates of another group's number, and does not raise its own capacity", async () => {
    expect(await ask(STRANGER, "GET", `/v1/channels/${stageId(3)}/templates`)).toMatchObject({ status: 403 });
    const path = `/v1/agents/${stageAgent(STRANGER)}/availability`;
    const raise = { availability: "available", capacity: 100_000 };
    expect(await ask(STRANGER, "POST", path, raise)).toMatchObject({ status: 403, body: { code: "not-permitted" } });
    expect(await ask(STRANGER, "POST", path, { availability: "available" })).toMatchObject({
      status: 200,
      body: { capacity: 1 },
    });
  });
});
