import {
  configureStage,
  createStage,
  SERVICE_ACTOR,
  stageAgent,
  STAGE_GROUP,
  waitFor,
  type Stage,
} from "@turno/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
  await Promise.all([stage.start("router"), stage.start("session-tracker"), stage.start("inbox")]);
  stage.keep();
});
afterEach(() => stage.clear());
afterAll(() => stage.stop());

const by = (index: number) => ({ kind: "agent" as const, agentId: stageAgent(index) });

async function setUp(agents: number, rules: object): Promise<void> {
  await configureStage(stage, { agents, capacity: 1 });
  const group = { id: STAGE_GROUP, name: "Support", countsPresence: false, followUpSeconds: 0, ...rules };
  await stage.command("configure", { groups: [group] });
}

interface Row {
  id: string;
  state: string;
  agentId: string | null;
  offeredUntil: Date | null;
}

const read = async (user: string): Promise<Row | undefined> => {
  const [row] = await stage.sql<Row[]>`
    select conversation.id, state, agent_id as "agentId", offered_until as "offeredUntil"
    from conversations as conversation join contacts as contact on contact.id = contact_id
    where contact.user_id = ${user}`;
  return row;
};
const write = (user: string) => stage.publish([{ id: `wamid.${user}`, userId: user }]);
/** Waits until the customer's conversation is as it should be. */
const becomes = (user: string, what: string, isSo: (row: Row) => boolean) =>
  waitFor(
    async () => {
      const row = await read(user);
      return row !== undefined && isSo(row) && row;
    },
    { what: `the conversation of ${user} is ${what}` },
  );
const offeredToSomebody = (user: string) =>
  becomes(user, "offered", ({ offeredUntil, state }) => state === "active" && offeredUntil !== null);
const indexOf = (row: Row) => [0, 1, 2].findIndex((index) => stageAgent(index) === row.agentId);

describe("a group that offers", () => {
  it("counts an offer against the capacity, lets nobody work on it before, and gives it to who accepts", async () => {
    await setUp(1, { offerSeconds: 600 });
    await write("US.a");
    const offered = await offeredToSomebody("US.a");
    await write("US.b");
    await becomes("US.b", "queued", ({ state }) => state === "queued");

    const ask = { actor: by(0), conversationId: offered.id };
    const until = offered.offeredUntil?.toISOString();
    const refused = { refusal: { code: "conversation-offered", details: { until } } };
    const message = { type: "text" as const, body: "hola" };
    expect(await stage.request("send", { ...ask, agentId: stageAgent(0), message })).toMatchObject(refused);
    expect(await stage.request("create-ticket", { ...ask, subject: "Caso" })).toMatchObject(refused);
    expect(await stage.request("close", ask)).toMatchObject(refused);

    expect(await stage.request("accept", { ...ask, agentId: stageAgent(0) })).toMatchObject({ ok: true });
    expect(await read("US.a")).toMatchObject({ state: "active", agentId: stageAgent(0), offeredUntil: null });
    expect(await stage.request("send", { ...ask, agentId: stageAgent(0), message })).toMatchObject({ ok: true });
    expect(await stage.request("accept", { ...ask, agentId: stageAgent(0) })).toMatchObject({
      refusal: { code: "not-offered" },
    });
    const events = await stage.sql`
      select type, data ->> 'offeredUntil' as until from events
      where entity_id = ${offered.id} and type in ('conversation.assigned', 'conversation.accepted') order by sequence`;
    expect(events).toEqual([
      { type: "conversation.assigned", until },
      { type: "conversation.accepted", until: null },
    ]);
  });

  it("offers what is declined to somebody else, with the reason, and counts it as no missed offer", async () => {
    await setUp(2, { offerSeconds: 600, offersMissedMax: 1 });
    await write("US.a");
    const offered = await offeredToSomebody("US.a");
    const first = indexOf(offered);
    const decline = { agentId: stageAgent(first), conversationId: offered.id, reason: "En reunión" };
    expect(await stage.request("decline", { ...decline, actor: by(1 - first) })).toMatchObject({
      refusal: { code: "not-permitted" },
    });
    expect(await stage.request("decline", { ...decline, actor: by(first) })).toMatchObject({ ok: true });
    await becomes("US.a", "offered to the other", (row) => row.offeredUntil !== null && indexOf(row) === 1 - first);
    const [moved] = await stage.sql`select data from events where type = 'conversation.transferred'`;
    expect(moved).toMatchObject({ data: { reason: `Agent ${first} declined it: En reunión`, actor: by(first) } });
    const [agent] = await stage.sql`select availability, active_count from agents where id = ${stageAgent(first)}`;
    expect(agent).toMatchObject({ availability: "available", active_count: 0 });
  });

  it("takes what lapses to the next one, and who lets too many lapse is away", async () => {
    await setUp(2, { offerSeconds: 1, offersMissedMax: 1 });
    await write("US.a");
    const first = indexOf(await offeredToSomebody("US.a"));
    await becomes("US.a", "offered to the other", (row) => row.offeredUntil !== null && indexOf(row) === 1 - first);
    const accepted = await waitFor(
      async () => {
        const [row] = await stage.sql<{ availability: string; missed: number }[]>`
          select availability, offers_missed as missed from agents where id = ${stageAgent(first)}`;
        return row?.availability === "away" && row;
      },
      { what: "who let it lapse is away" },
    );
    expect(accepted.missed).toBe(0);
    const [event] = await stage.sql`
      select data from events where type = 'agent.updated' and data ->> 'availability' = 'away'`;
    expect(event).toMatchObject({ data: { agentId: stageAgent(first), actor: { kind: "system" } } });
    const [moved] =
      await stage.sql`select data ->> 'reason' as reason from events where type = 'conversation.transferred'`;
    expect(moved).toEqual({ reason: "Not accepted within 1 s." });
  });

  it("offers nothing that somebody claims, is given or writes a template for, and nothing where it does not ask for that", async () => {
    await setUp(2, { offerSeconds: 600, distribution: "manual" });
    await write("US.a");
    const waiting = await becomes("US.a", "queued", ({ state }) => state === "queued");
    await stage.command("claim", { agentId: stageAgent(0), conversationId: waiting.id });
    expect(await read("US.a")).toMatchObject({ agentId: stageAgent(0), offeredUntil: null });
    await stage.request("transfer", {
      actor: SERVICE_ACTOR,
      conversationId: waiting.id,
      to: { agentId: stageAgent(1) },
      force: true,
    });
    expect(await read("US.a")).toMatchObject({ agentId: stageAgent(1), offeredUntil: null });

    await setUp(2, { offerSeconds: 0 });
    await write("US.b");
    expect(await becomes("US.b", "active", ({ state }) => state === "active")).toMatchObject({ offeredUntil: null });
  });
});
