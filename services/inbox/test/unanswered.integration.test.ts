import { createStage, waitFor, type Stage } from "@turno/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { configureInbox, openConversation } from "./fixtures.ts";
import { startInbox, type TestCaller } from "./http.ts";

let stage: Stage;
let agent: TestCaller;
/** By customer. */
const ids = new Map<string, string>();

const minutesAgo = (minutes: number) => new Date(Math.floor(Date.now() / 1000) * 1000 - minutes * 60_000);
const WROTE = { a: minutesAgo(10), b: minutesAgo(30), c: minutesAgo(20), d: minutesAgo(40) };

beforeAll(async () => {
  stage = await createStage();
  await stage.start("router");
  const inbox = await startInbox(stage);
  await configureInbox(stage);
  agent = await inbox.as(0);
  await stage.publish(
    Object.entries(WROTE).map(([user, sentAt]) => ({ id: `wamid.first.${user}`, userId: `US.${user}`, sentAt })),
  );
  // Each writes again: what counts is the oldest message that nobody answered.
  for (const user of Object.keys(WROTE)) ids.set(user, await openConversation(stage, user));
  await stage.publish([
    {
      id: "wamid.echo",
      userId: "US.d",
      keyedBy: "echo",
      content: { to_user_id: "US.d", type: "text", text: { body: "ya lo veo" } },
    },
  ]);
  await waitFor(async () => (await stage.sql`select from conversations where waiting_since is null`).length === 1, {
    what: "one is answered by hand",
  });
});
afterAll(() => stage.stop());

const list = async (query: string) => {
  const { status, body } = await agent.get(`/v1/conversations?${query}`);
  expect({ status, body }).toMatchObject({ status: 200 });
  return body as unknown as { conversations: { id: string; waitingSince: string | null }[]; next: string | null };
};

describe("the order of who waits for an answer", () => {
  it("has the longest unanswered first, with since when, and what is answered last, page by page", async () => {
    const wanted = (["b", "c", "a", "d"] as const).map((user) => ({
      id: ids.get(user),
      waitingSince: user === "d" ? null : WROTE[user].toISOString(),
    }));
    const found: unknown[] = [];
    let after = "";
    do {
      const page = await list(`order=waitingSince&state=active&limit=1${after}`);
      found.push(...page.conversations.map(({ id, waitingSince }) => ({ id, waitingSince })));
      after = page.next === null ? "" : `&after=${page.next}`;
    } while (after !== "");
    expect(found).toEqual(wanted);
  });

  it("is refused for what waits for no answer, and takes no place of another order", async () => {
    for (const state of ["expired", "closed"]) {
      const { status, body } = await agent.get(`/v1/conversations?order=waitingSince&state=${state}`);
      expect({ status, detail: body["detail"] }).toEqual({
        status: 422,
        detail: `order: waitingSince is of queued and active conversations; ${state} ones wait for no answer.`,
      });
    }
    const ofWaiting = (await list("order=waitingSince&state=active&limit=1")).next;
    const usual = (await list("state=active&limit=1")).next;
    const mixed = [`state=active&after=${ofWaiting}`, `state=queued&after=${ofWaiting}`];
    for (const query of [...mixed, `order=waitingSince&state=active&after=${usual}`]) {
      expect((await agent.get(`/v1/conversations?${query}`)).status).toBe(422);
    }
  });
});
