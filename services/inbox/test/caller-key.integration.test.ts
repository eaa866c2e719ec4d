import { createStage, stageAgent, type Stage } from "@turno/testing";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { configureInbox, openConversation } from "./fixtures.ts";
import { startInbox, type TestCaller } from "./http.ts";

let stage: Stage;
let inbox: Awaited<ReturnType<typeof startInbox>>;
let ana: TestCaller;
let path: string;
beforeAll(async () => {
  stage = await createStage();
  await Promise.all([stage.start("router"), stage.start("session-tracker")]);
  inbox = await startInbox(stage);
  stage.keep();
});
beforeEach(async () => {
  await configureInbox(stage);
  const conversationId = await openConversation(stage, "a");
  ana = await inbox.as(0);
  path = `/v1/conversations/${conversationId}`;
});
afterEach(() => stage.clear());
afterAll(() => stage.stop());

const key = (value: string) => ({ "idempotency-key": value });

/** Asks twice, and expects the same status and body. */
async function askTwice(route: string, body: object, value: string) {
  const first = await ana.post(route, body, key(value));
  const second = await ana.post(route, body, key(value));
  expect([second.status, second.body]).toEqual([first.status, first.body]);
  return first;
}

it("answers a POST that is repeated under its key as the first time, with one effect, whichever service owns it", async () => {
  const message = { message: { type: "text", body: "hola" } };
  expect(await askTwice(`${path}/messages`, message, "send")).toMatchObject({ status: 200 });
  expect(await stage.sql`select from sends`).toHaveLength(1);
  const ticket = await askTwice(`${path}/ticket`, { subject: "Factura" }, "ticket");
  expect(ticket).toMatchObject({ status: 200, body: { ticketNumber: 1 } });
  await askTwice(`/v1/agents/${stageAgent(0)}/availability`, { availability: "away" }, "away");
  expect(
    await stage.sql`select from events where type = 'agent.updated' and entity_id = ${stageAgent(0)}`,
  ).toHaveLength(2);
  const closed = await askTwice(`${path}/close`, {}, "close");
  expect(closed).toMatchObject({
    status: 200,
    body: { how: "closed", ticket: { number: 1 }, action: { kind: "history" } },
  });
  expect(await stage.sql`select from ticket_actions`).toHaveLength(1);
});

it("repeats a refusal, refuses another body under the same key, and takes the key quoted or bare", async () => {
  const refused = await askTwice(`${path}/close`, {}, '"c1"');
  expect(refused).toMatchObject({ status: 409, body: { code: "ticket-needed" } });
  expect((await ana.post(`${path}/close`, {}, key("c1"))).body).toEqual(refused.body);

  await ana.post(`${path}/messages`, { message: { type: "text", body: "a" } }, key("m1"));
  const other = await ana.post(`${path}/messages`, { message: { type: "text", body: "b" } }, key("m1"));
  expect(other).toMatchObject({ status: 422, body: { code: "key-reused" } });
  const wrong = await ana.post(`${path}/close`, {}, key("x".repeat(256)));
  expect(wrong).toMatchObject({ status: 422, body: { code: "invalid" } });
  expect(String(wrong.body["detail"])).toContain("Idempotency-Key");
});

it("does a form of the console once, however often it is sent", async () => {
  const cookie = `turno_token=${ana.token}`;
  const id = path.split("/").at(-1) ?? "";
  const page = await (await fetch(`${inbox.url}/console/c/${id}`, { headers: { cookie } })).text();
  const form = /id="form-messages"[\s\S]*?name="key" value="([^"]+)"/.exec(page);
  const body = new URLSearchParams({ form: "messages", key: form?.[1] ?? "", text: "hola" });
  const submit = () =>
    fetch(`${inbox.url}/console/c/${id}/messages`, {
      method: "POST",
      headers: { cookie, origin: inbox.url },
      body,
      redirect: "manual",
    });
  expect((await submit()).status).toBe(303);
  expect((await submit()).status).toBe(303);
  expect(await stage.sql`select from sends`).toHaveLength(1);
});
