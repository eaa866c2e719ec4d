import type { CommandInput } from "@turno/contracts";
import {
  configureStage,
  createStage,
  SERVICE_ACTOR,
  shiftClock,
  STAGE_GROUP,
  stageAgent,
  stageId,
  waitFor,
  type Stage,
} from "@turno/testing";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
  await Promise.all([stage.start("router"), stage.start("session-tracker")]);
  stage.keep();
});
beforeEach(() => configureStage(stage, { agents: 2, isAvailable: false }));
afterEach(() => stage.clear());
afterAll(() => stage.stop());

type NamedAgent = NonNullable<CommandInput<"configure">["agents"]>[number];
const configure = (index: number, change: Partial<NamedAgent>) =>
  stage.request("configure", {
    actor: SERVICE_ACTOR,
    agents: [{ id: stageAgent(index), name: `Agent ${index}`, groupIds: [], ...change }],
  });
const deactivate = (index: number, change: Partial<NamedAgent> = {}) => configure(index, { active: false, ...change });
const setAvailable = (index: number) =>
  stage.command("set-availability", { agentId: stageAgent(index), availability: "available" });

const readConversation = async (id: string) =>
  (
    await stage.sql<{ state: string; agentId: string | null }[]>`
      select state, agent_id as "agentId" from conversations where id = ${id}`
  )[0];

/** A customer writes, and the first agent has it. */
async function open(user = "1"): Promise<string> {
  await setAvailable(0);
  await stage.publish([{ id: `wamid.${user}`, userId: `US.${user}` }]);
  return waitFor(
    async () =>
      (
        await stage.sql<{ id: string }[]>`
          select conversations.id from conversations join contacts on contacts.id = contact_id
          where state = 'active' and contacts.user_id = ${`US.${user}`}`
      )[0]?.id ?? false,
    { what: "the conversation is active" },
  );
}

const readMoves = (conversationId: string) => stage.sql<{ type: string; data: unknown }[]>`
  select type, data from events where entity_id = ${conversationId}
    and type in ('conversation.transferred', 'conversation.assigned') order by sequence`;

it("puts what a deactivated agent has back into the queue, and gives it to the next one", async () => {
  const conversationId = await open();
  expect(await deactivate(0)).toMatchObject({ ok: true });
  expect(await readConversation(conversationId)).toEqual({ state: "queued", agentId: null });
  expect((await readMoves(conversationId)).at(-1)).toMatchObject({
    type: "conversation.transferred",
    data: {
      from: { groupId: STAGE_GROUP, agentId: stageAgent(0) },
      to: { groupId: STAGE_GROUP, agentId: null },
      reason: "The agent was deactivated.",
      actor: SERVICE_ACTOR,
    },
  });
  const [told] = await stage.sql`
    select data from events where type = 'agent.updated' and entity_id = ${stageAgent(0)} order by position desc limit 1`;
  expect(told?.["data"]).toMatchObject({ active: false, availability: "away" });
  await setAvailable(1);
  await waitFor(async () => (await readConversation(conversationId))?.agentId === stageAgent(1), {
    what: "the other agent has it",
  });
});

it("does nothing by a deactivated agent, in its name or for it, and says why", async () => {
  const conversationId = await open();
  await deactivate(0);
  const agentId = stageAgent(0);
  const own = { kind: "agent", agentId } as const;
  const message = { type: "text", body: "hola" } as const;
  const refused = { refusal: { code: "agent-deactivated" } };
  for (const actor of [own, SERVICE_ACTOR]) {
    expect(await stage.request("set-availability", { actor, agentId, availability: "available" })).toMatchObject(
      refused,
    );
    expect(await stage.request("heartbeat", { actor, agentId })).toMatchObject(refused);
    expect(await stage.request("claim", { actor, agentId, conversationId })).toMatchObject(refused);
    expect(await stage.request("send", { actor, agentId, conversationId, message })).toMatchObject(refused);
    expect(await stage.request("transfer", { actor, conversationId, to: { agentId }, force: true })).toMatchObject(
      refused,
    );
  }
  expect(await stage.request("list-groups", { actor: own })).toMatchObject(refused);
  const { groups } = await stage.command("list-groups", {});
  expect(groups[0]?.agents.map(({ id }) => id)).toEqual([stageAgent(1)]);
});

it("works again where it is reactivated with its groups, and not before", async () => {
  await deactivate(0);
  expect(await configure(0, { groupIds: [STAGE_GROUP] })).toMatchObject({ refusal: { code: "agent-deactivated" } });
  expect(await configure(0, { groupIds: [STAGE_GROUP], active: true })).toMatchObject({ ok: true });
  const conversationId = await open();
  expect(await readConversation(conversationId)).toEqual({ state: "active", agentId: stageAgent(0) });
});

it("hands what it has over to who is named, who must be able to take all of it unless it is forced", async () => {
  const [one, two] = [await open("1"), await open("2")];
  const handOverTo = stageAgent(1);
  expect(await deactivate(0, { handOverTo })).toMatchObject({ refusal: { code: "agent-away" } });
  await stage.command("set-availability", { agentId: handOverTo, availability: "available", capacity: 1 });
  expect(await deactivate(0, { handOverTo })).toMatchObject({ refusal: { code: "agent-full" } });
  expect(await deactivate(0, { handOverTo: stageId(2, 99) })).toMatchObject({ refusal: { code: "not-found" } });
  expect(await readConversation(one)).toEqual({ state: "active", agentId: stageAgent(0) });

  expect(await deactivate(0, { handOverTo, force: true })).toMatchObject({ ok: true });
  for (const id of [one, two]) {
    expect(await readConversation(id)).toEqual({ state: "active", agentId: handOverTo });
    expect((await readMoves(id)).slice(-2)).toMatchObject([
      { data: { to: { agentId: handOverTo }, forced: true } },
      { data: { agentId: handOverTo, reason: { rule: "transfer" } } },
    ]);
  }
  const loads = await stage.sql`select active_count as count from agents order by id`;
  expect(loads).toEqual([{ count: 0 }, { count: 2 }]);
});

it("takes from a member who leaves a group what it has in that group, and nothing else", async () => {
  const sales = stageId(1, 1);
  await stage.command("configure", {
    groups: [{ id: sales, name: "Sales", distribution: "manual" }],
    channels: [{ id: stageId(3, 1), phoneNumberId: "456", name: "Sales", groupId: sales }],
  });
  await configure(0, { groupIds: [STAGE_GROUP, sales] });
  const support = await open();
  await stage.publish([{ id: "wamid.s", userId: "US.s", phoneNumberId: "456" }]);
  const other = await waitFor(
    async () =>
      (await stage.sql<{ id: string }[]>`select id from conversations where group_id = ${sales}`)[0]?.id ?? false,
    { what: "it waits in the other group" },
  );
  await stage.command("claim", { agentId: stageAgent(0), conversationId: other });
  await configure(0, { groupIds: [sales] });
  expect(await readConversation(support)).toEqual({ state: "queued", agentId: null });
  expect((await readMoves(support)).at(-1)).toMatchObject({ data: { reason: "The agent left the group." } });
  expect(await readConversation(other)).toEqual({ state: "active", agentId: stageAgent(0) });
});

// The last one: the rules' clock goes on from here.
it("opens what expired with it to the members of the group, who may finalise it", async () => {
  const conversationId = await open();
  await shiftClock(stage, 24 * 3_600_000);
  await waitFor(async () => (await readConversation(conversationId))?.state === "expired", { what: "it is expired" });
  expect(await readConversation(conversationId)).toEqual({ state: "expired", agentId: stageAgent(0) });
  await deactivate(0);
  expect(await readConversation(conversationId)).toEqual({ state: "expired", agentId: null });
  await stage.start("inbox");
  await stage.command("configure", { groups: [{ id: STAGE_GROUP, name: "Support", closingNeedsTicket: false }] });
  const member = { kind: "agent", agentId: stageAgent(1) } as const;
  expect(await stage.request("finalise", { actor: member, conversationId })).toMatchObject({ how: "finalised" });
});
