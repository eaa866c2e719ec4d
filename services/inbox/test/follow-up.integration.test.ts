import { createStage, shiftClock, stageAgent, STAGE_GROUP, waitFor, type Stage } from "@turno/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { BILLING, byAgent, configureInbox, openConversation, queueConversation } from "./fixtures.ts";

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
  await Promise.all([stage.start("router"), stage.start("inbox")]);
  stage.keep();
});
beforeEach(async () => {
  await configureInbox(stage);
  await stage.command("configure", { groups: [{ id: STAGE_GROUP, name: "Support", followUpSeconds: 300 }] });
});
afterEach(() => stage.clear());
afterAll(() => stage.stop());

const bothAvailable = () => stage.command("set-availability", { agentId: stageAgent(1), availability: "available" });

/** Closes a conversation of the customer, which its agent answers for, with a ticket. */
async function closeOne(user: string): Promise<{ id: string; agent: number }> {
  const id = await openConversation(stage, user);
  const [row] = await stage.sql<
    { agentId: string }[]
  >`select agent_id as "agentId" from conversations where id = ${id}`;
  const agent = row?.agentId === stageAgent(0) ? 0 : 1;
  const ask = { actor: byAgent(agent), conversationId: id };
  expect(await stage.request("create-ticket", { ...ask, subject: `De ${user}` })).toMatchObject({ ok: true });
  expect(await stage.request("close", ask)).toMatchObject({ ok: true });
  return { id, agent };
}

interface Followed {
  id: string;
  state: string;
  agentId: string | null;
  groupId: string;
  ticketNumber: number | null;
  ticketLink: string | null;
  rule: string | null;
  turn: number | null;
}

/** Waits for the conversation that comes after this one, and until somebody has it where that is told. */
const nextOf = (id: string, { isGiven } = { isGiven: false }) =>
  waitFor(
    async () => {
      const [row] = await stage.sql<Followed[]>`
        select next.id, next.state, next.agent_id as "agentId", next.group_id as "groupId",
          next.ticket_number as "ticketNumber", next.ticket_link as "ticketLink",
          assignment.reason ->> 'rule' as rule, (assignment.reason ->> 'turn')::int as turn
        from conversations as last join conversations as next
          on next.contact_id = last.contact_id and next.id <> last.id and next.opened_at > last.opened_at
        left join assignments as assignment on assignment.conversation_id = next.id
        where last.id = ${id}`;
      return row !== undefined && (row.agentId !== null || !isGiven) && row;
    },
    { what: "the customer has another conversation" },
  );

const turns = async () =>
  (await stage.sql<{ turn: number }[]>`select turn from groups where id = ${STAGE_GROUP}`)[0]?.turn;

/** Waits until no transaction holds an agent: whoever opens a conversation waits for nobody's lock. */
const isQuiet = () =>
  waitFor(
    async () =>
      (
        await stage.sql`
          select from pg_stat_activity
          where datname = current_database() and state <> 'idle' and pid <> pg_backend_pid()`
      ).length === 0,
    { what: "nothing is under way" },
  );

const says = (user: string, id: string) =>
  stage.publish([{ id: `wamid.${id}`, userId: `US.${user}`, text: "gracias" }]);

describe("what a customer writes soon after closing", () => {
  it("goes to the agent who closed, without a turn and with the same ticket, and can be closed at once", async () => {
    await bothAvailable();
    for (const user of ["a", "b"]) {
      const { id, agent } = await closeOne(user);
      const before = await turns();
      await says(user, `${user}.thanks`);
      const followed = await nextOf(id);
      expect(followed).toMatchObject({
        state: "active",
        agentId: stageAgent(agent),
        rule: "follow-up",
        turn: null,
        ticketLink: "confirmed",
      });
      expect(await turns()).toBe(before);
      const [ticket] = await stage.sql<{ number: number }[]>`
        select ticket_number::int as number from conversations where id = ${id}`;
      expect(followed.ticketNumber).toBe(ticket?.number);
      const events = await stage.sql<{ type: string; sequence: number }[]>`
        select type, sequence from events where entity_id = ${followed.id} order by sequence`;
      expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
      expect(events.map(({ type }) => type)).toEqual([
        "conversation.opened",
        "message.received",
        "conversation.assigned",
        "ticket.confirmed",
      ]);
      expect(await stage.request("close", { actor: byAgent(agent), conversationId: followed.id })).toMatchObject({
        ok: true,
        ticketNumber: ticket?.number,
      });
    }
    const loads = await stage.sql`select from agents where active_count <> 0`;
    expect(loads).toHaveLength(0);
  });

  it("goes to that agent although it is full, but not while it is away: then somebody else gets it in turn", async () => {
    await stage.command("set-availability", { agentId: stageAgent(0), availability: "available", capacity: 1 });
    const { id } = await closeOne("a");
    await openConversation(stage, "b");
    await isQuiet();
    await says("a", "a.full");
    const full = await nextOf(id);
    expect(full).toMatchObject({ agentId: stageAgent(0), rule: "follow-up" });
    expect(await stage.request("close", { actor: byAgent(0), conversationId: full.id })).toMatchObject({ ok: true });

    await stage.command("set-availability", { agentId: stageAgent(0), availability: "away" });
    await bothAvailable();
    await says("a", "a.away");
    expect(await nextOf(full.id, { isGiven: true })).toMatchObject({
      state: "active",
      agentId: stageAgent(1),
      rule: "turn",
    });
  });

  it("goes to the group in which it was closed, also where agents claim", async () => {
    const old = await openConversation(stage, "a");
    const moved = { actor: byAgent(0), conversationId: old, to: { groupId: BILLING } };
    expect(await stage.request("transfer", moved)).toMatchObject({ ok: true });
    await stage.command("configure", {
      groups: [
        { id: BILLING, name: "Billing", distribution: "manual", closingNeedsTicket: false, followUpSeconds: 60 },
      ],
      agents: [{ id: stageAgent(1), name: "Agent 1", groupIds: [STAGE_GROUP, BILLING] }],
    });
    await bothAvailable();
    const ask = { actor: byAgent(1), agentId: stageAgent(1), conversationId: old };
    expect(await stage.request("claim", ask)).toMatchObject({ ok: true });
    expect(await stage.request("close", ask)).toMatchObject({ ok: true });
    await says("a", "a.thanks");
    expect(await nextOf(old)).toMatchObject({
      agentId: stageAgent(1),
      groupId: BILLING,
      rule: "follow-up",
      ticketLink: null,
    });
  });

  it("takes its turn in the channel's group when the time has passed, and a reaction opens nothing at all", async () => {
    const { id } = await closeOne("a");
    await stage.publish([
      {
        id: "wamid.heart",
        userId: "US.a",
        content: { type: "reaction", reaction: { message_id: "wamid.x", emoji: "❤" } },
      },
    ]);
    await waitFor(async () => (await stage.sql`select from messages where kind = 'reaction'`).length === 1, {
      what: "the reaction took effect",
    });
    expect(await stage.sql`select from conversations`).toHaveLength(1);
    await shiftClock(stage, 300_000);
    await says("a", "a.later");
    expect(await nextOf(id, { isGiven: true })).toMatchObject({ agentId: stageAgent(0), rule: "turn" });
  });

  it("goes on as anything else where the group does not ask for it", async () => {
    await stage.command("configure", {
      groups: [
        { id: STAGE_GROUP, name: "Support", distribution: "manual", followUpSeconds: 0, closingNeedsTicket: false },
      ],
    });
    const id = await queueConversation(stage, "a");
    const ask = { actor: byAgent(0), agentId: stageAgent(0), conversationId: id };
    await stage.request("claim", ask);
    await stage.request("close", ask);
    await says("a", "a.thanks");
    expect(await nextOf(id)).toMatchObject({ state: "queued", agentId: null, rule: null });
  });
});
