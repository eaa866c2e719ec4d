import { createStage, stageAgent, STAGE_GROUP, waitFor, type Stage } from "@turno/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ADMIN, BILLING, byAgent, configureInbox, openConversation, OPERATOR, OUTSIDER } from "./fixtures.ts";

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
  await Promise.all([stage.start("router"), stage.start("inbox")]);
  stage.keep();
});
beforeEach(() => configureInbox(stage));
afterEach(() => stage.clear());
afterAll(() => stage.stop());

const service = { kind: "service", name: "bot" } as const;

async function actionsOf(ticketNumber: number) {
  const reply = await stage.command("read-ticket", { ticket: { number: ticketNumber } });
  return reply.actions;
}

const activeCount = async (index: number) => {
  const [row] = await stage.sql<{ count: number }[]>`
    select active_count as count from agents where id = ${stageAgent(index)}`;
  return row?.count;
};

describe("closing", () => {
  it("needs a confirmed ticket link, and puts the conversation's history into the ticket as one action", async () => {
    const conversationId = await openConversation(stage, "a", ["hola", "mi factura \u0000 está mal 💶"]);
    const ask = { actor: byAgent(0), conversationId };
    expect(await stage.request("close", ask)).toMatchObject({ refusal: { code: "ticket-needed" } });
    const created = await stage.request("create-ticket", { ...ask, subject: "Factura", body: "mal" });
    expect(created).toMatchObject({ ok: true, ticketLink: "confirmed", ticketNumber: 1 });
    expect(await stage.request("create-ticket", { ...ask, subject: "Otra" })).toMatchObject({
      refusal: { code: "ticket-linked", details: { ticketNumber: 1, by: "Agent 0" } },
    });
    expect(await activeCount(0)).toBe(1);
    const closed = await stage.request("close", ask);
    expect(closed).toMatchObject({ ok: true, how: "closed", ticketNumber: 1, ticket: { number: 1, status: "open" } });
    expect(await activeCount(0)).toBe(0);
    const actions = await actionsOf(1);
    expect("ok" in closed && closed.action).toEqual(actions[0]);
    expect(actions).toMatchObject([{ kind: "history", author: byAgent(0) }]);
    expect(actions[0]?.body).toMatch(/customer: hola\n.*customer: mi factura \ufffd está mal 💶$/);
    const [event] = await stage.sql`
      select data from events where entity_id = ${conversationId} and type = 'conversation.closed'`;
    expect(event).toMatchObject({ data: { how: "closed", ticketNumber: 1, agentId: stageAgent(0) } });
    expect(await stage.sql`select from assignments where ended_at is null`).toHaveLength(0);
  });

  it("by 20 at once succeeds once; 19 learn who and when; the history is on the ticket once", async () => {
    await stage.start("inbox");
    const conversationId = await openConversation(stage, "a");
    await stage.request("create-ticket", { actor: byAgent(0), conversationId, subject: "Once" });
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => stage.request("close", { actor: byAgent(0), conversationId })),
    );
    const won = replies.filter((reply) => "ok" in reply);
    expect(won).toHaveLength(1);
    const [winner] = won;
    for (const reply of replies.filter((one) => "refusal" in one)) {
      const details = { by: "Agent 0", at: winner !== undefined && "ok" in winner ? winner.closedAt : "" };
      expect(reply).toMatchObject({ refusal: { code: "conversation-closed", details } });
    }
    expect(await actionsOf(1)).toHaveLength(1);
    expect(await activeCount(0)).toBe(0);
  });

  it("gives the freed place to who waits", async () => {
    await stage.command("configure", {
      agents: [{ id: stageAgent(0), name: "Agent 0", capacity: 1, groupIds: [STAGE_GROUP] }],
    });
    const conversationId = await openConversation(stage, "a");
    await stage.request("create-ticket", { actor: byAgent(0), conversationId, subject: "First" });
    await stage.publish([{ id: "wamid.next", userId: "US.b" }]);
    await waitFor(async () => (await stage.sql`select from conversations where state = 'queued'`).length === 1, {
      what: "the second waits",
    });
    await stage.request("close", { actor: byAgent(0), conversationId });
    await waitFor(async () => (await stage.sql`select from conversations where state = 'active'`).length === 1, {
      what: "the second is assigned",
    });
  });

  it("needs no ticket where the group does not ask for one, and adds nothing where the link is only proposed", async () => {
    await stage.command("configure", { groups: [{ id: STAGE_GROUP, name: "Support", closingNeedsTicket: false }] });
    const first = await openConversation(stage, "a");
    await stage.request("create-ticket", { actor: byAgent(0), conversationId: first, subject: "Kept" });
    const second = await openConversation(stage, "b");
    await stage.command("propose-ticket-link", { conversationId: second, ticket: { number: 1 } });
    expect(await stage.request("close", { actor: byAgent(0), conversationId: second })).toMatchObject({
      ok: true,
      ticketNumber: null,
    });
    expect(await actionsOf(1)).toEqual([]);
  });

  it("adds a history that the ticket store did not take the first time, once, after it comes back", async () => {
    const conversationId = await openConversation(stage, "a");
    await stage.request("create-ticket", { actor: byAgent(0), conversationId, subject: "Later" });
    await stage.sql`alter table ticket_actions rename to ticket_actions_away`;
    expect(await stage.request("close", { actor: byAgent(0), conversationId })).toMatchObject({ ok: true });
    expect(await stage.sql`select from ticket_histories`).toHaveLength(1);
    await stage.sql`alter table ticket_actions_away rename to ticket_actions`;
    await stage.sql`update ticket_histories set due_at = clock_timestamp()`;
    await waitFor(async () => (await stage.sql`select from ticket_histories`).length === 0, { what: "it is added" });
    expect(await actionsOf(1)).toHaveLength(1);
  });

  it("is for who has the conversation, operators of its group and services", async () => {
    const conversationId = await openConversation(stage, "a");
    await stage.request("create-ticket", { actor: byAgent(0), conversationId, subject: "Whose" });
    for (const index of [1, OUTSIDER]) {
      expect(await stage.request("close", { actor: byAgent(index), conversationId })).toMatchObject({
        refusal: { code: "not-permitted" },
      });
    }
    expect(await stage.request("close", { actor: byAgent(OPERATOR), conversationId })).toMatchObject({ ok: true });
  });
});

describe("an expired conversation", () => {
  it("cannot be closed; it is finalised with its ticket, and frees no place a second time", async () => {
    const conversationId = await openConversation(stage, "a");
    await stage.request("create-ticket", { actor: byAgent(0), conversationId, subject: "Expired" });
    await stage.sql`
      with expired as (update conversations set state = 'expired' where id = ${conversationId}),
      ended as (update assignments set ended_at = now() where conversation_id = ${conversationId} and ended_at is null)
      update agents set active_count = active_count - 1 where id = ${stageAgent(0)}`;
    const ask = { actor: byAgent(0), conversationId };
    expect(await stage.request("close", ask)).toMatchObject({
      refusal: { code: "conversation-expired", details: { allowed: ["ticket-link", "template", "finalise"] } },
    });
    expect(await stage.request("finalise", ask)).toMatchObject({ ok: true, how: "finalised", ticketNumber: 1 });
    expect(await activeCount(0)).toBe(0);
    expect(await actionsOf(1)).toHaveLength(1);
  });
});

describe("a ticket link", () => {
  it("proposed by a bot is rejected or confirmed by the agent, once, and never the one that was not seen", async () => {
    const first = await openConversation(stage, "a");
    const one = await stage.request("create-ticket", { actor: byAgent(0), conversationId: first, subject: "One" });
    const second = await openConversation(stage, "b");
    const ask = { actor: byAgent(0), conversationId: second };
    expect(await stage.request("confirm-ticket-link", ask)).toMatchObject({
      refusal: { code: "ticket-link-not-proposed" },
    });
    const proposal = { actor: service, conversationId: second, ticket: { number: 1 } };
    expect(await stage.request("propose-ticket-link", proposal)).toMatchObject({ ok: true, ticketLink: "proposed" });
    expect(await stage.request("close", ask)).toMatchObject({ refusal: { code: "ticket-needed" } });
    const unseen = { ...ask, ticketId: second };
    expect(await stage.request("confirm-ticket-link", unseen)).toMatchObject({
      refusal: { code: "ticket-link-not-proposed", details: { proposed: 1 } },
    });
    expect(await stage.request("reject-ticket-link", ask)).toMatchObject({ ok: true, ticketLink: null });
    await stage.request("propose-ticket-link", proposal);
    const replies = await Promise.all([1, 2, 3].map(() => stage.request("confirm-ticket-link", ask)));
    expect(replies.filter((reply) => "ok" in reply)).toHaveLength(1);
    expect(replies.filter((reply) => "refusal" in reply && reply.refusal.details?.["by"] === "Agent 0")).toHaveLength(
      2,
    );
    const ticketId = "ok" in one ? one.ticketId : null;
    const [row] = await stage.sql`select ticket_id, ticket_link from conversations where id = ${second}`;
    expect(row).toEqual({ ticket_id: ticketId, ticket_link: "confirmed" });
  });

  it("to the open ticket of the last conversation is proposed when a customer comes back, and only once", async () => {
    const first = await openConversation(stage, "a");
    await stage.request("create-ticket", { actor: byAgent(0), conversationId: first, subject: "Again" });
    await stage.request("close", { actor: byAgent(0), conversationId: first });
    await stage.publish([{ id: "wamid.back", userId: "US.a" }]);
    const proposed = await waitFor(
      async () =>
        (
          await stage.sql<{ id: string }[]>`
          select id from conversations where ticket_link = 'proposed' and ticket_number = 1`
        )[0]?.id,
      { what: "the ticket is proposed" },
    );
    await stage.command("reject-ticket-link", { conversationId: proposed });
    await stage.sql`delete from event_readers`;
    await stage.sql`insert into event_readers values ('inbox-returning', 0)`;
    await waitFor(async () => (await stage.sql`select from event_readers where position > 0`).length === 1, {
      what: "the events were read again",
    });
    const [row] = await stage.sql`select ticket_link from conversations where id = ${proposed}`;
    expect(row).toEqual({ ticket_link: null });
    const events = await stage.sql<{ type: string; data: { cause?: string } }[]>`
      select type, data from events where entity_id = ${proposed} and starts_with(type, 'ticket.') order by sequence`;
    expect(events.map(({ type, data }) => `${type} ${data.cause ?? ""}`)).toEqual([
      "ticket.proposed returning",
      "ticket.rejected ",
    ]);
  });
});

describe("tickets", () => {
  it("are edited by who has a linked conversation or an operator, and never over a change that was not seen", async () => {
    const conversationId = await openConversation(stage, "a");
    await stage.request("create-ticket", { actor: byAgent(0), conversationId, subject: "Reclamación" });
    const edit = { ticket: { number: 1 }, status: "solved" as const };
    expect(await stage.request("edit-ticket", { actor: byAgent(1), ...edit })).toMatchObject({
      refusal: { code: "not-found" },
    });
    expect(await stage.request("edit-ticket", { actor: byAgent(0), ...edit, version: 1 })).toMatchObject({
      ok: true,
      ticket: { status: "solved", version: 2 },
    });
    expect(await stage.request("edit-ticket", { actor: byAgent(OPERATOR), ...edit, version: 1 })).toMatchObject({
      refusal: { code: "ticket-changed", details: { version: 2, by: byAgent(0) } },
    });
    for (const [index, tickets] of [
      [0, [{ number: 1 }]],
      [1, []],
    ] as const) {
      const found = await stage.request("search-tickets", { actor: byAgent(index), text: "RECLAMACION" });
      expect(found).toMatchObject({ ok: true, tickets });
    }
  });

  it("are edited through a linked conversation, or an open one with the customer, and are not there for all others", async () => {
    const elsewhere = { id: stageAgent(51), name: "Elsewhere", role: "operator" as const, groupIds: [BILLING] };
    await stage.command("configure", { agents: [elsewhere] });
    const conversationId = await openConversation(stage, "a");
    const ask = { actor: byAgent(0), conversationId };
    const edit = async (index: number, comment: string) => {
      const reply = await stage.request("edit-ticket", { actor: byAgent(index), ticket: { number: 1 }, comment });
      return "refusal" in reply ? reply.refusal.code : null;
    };
    const all = (comment: string) => Promise.all([0, 1, OPERATOR, 51].map((index) => edit(index, comment)));
    await stage.request("create-ticket", { ...ask, subject: "Whose" });
    expect(await all("linked")).toEqual([null, "not-found", null, "not-found"]);
    await stage.request("close", ask);
    expect(await all("linked to what is over")).toEqual([null, "not-found", null, "not-found"]);
    await stage.sql`update conversations set ticket_link = 'proposed'`;
    expect(await all("only proposed to what is over")).toEqual([
      "not-permitted",
      "not-found",
      "not-permitted",
      "not-found",
    ]);
    await stage.sql`update conversations set ticket_id = null, ticket_number = null, ticket_link = null`;
    expect(await all("of nobody")).toEqual(["not-found", "not-found", "not-found", "not-found"]);
    expect(await edit(ADMIN, "of nobody")).toBeNull();
    // The customer comes back, and waits for whoever takes it.
    await stage.sql`update conversations set state = 'queued', agent_id = null`;
    expect(await all("the customer waits")).toEqual(["not-permitted", "not-permitted", null, "not-found"]);
    await stage.sql`update conversations set state = 'active', agent_id = ${stageAgent(1)}`;
    expect(await all("the customer is another agent's")).toEqual(["not-found", null, null, "not-found"]);
  });

  it("that one does not see cannot be proposed, linked, or finalised with, and say no more than those that are not there", async () => {
    const first = await openConversation(stage, "a");
    await stage.request("create-ticket", { actor: byAgent(0), conversationId: first, subject: "Ajena" });
    const own = await openConversation(stage, "b");
    await stage.sql`update conversations set agent_id = ${stageAgent(1)} where id = ${own}`;
    const ask = { actor: byAgent(1), conversationId: own, anothers: true };
    const codes = async (number: number) => {
      const asks = { ...ask, ticket: { number } };
      const proposed = await stage.request("propose-ticket-link", asks);
      const linked = await stage.request("link-ticket", asks);
      await stage.sql`update conversations set state = 'expired' where id = ${own}`;
      const finalised = await stage.request("finalise", asks);
      await stage.sql`update conversations set state = 'active' where id = ${own}`;
      return [proposed, linked, finalised].map((reply) =>
        "refusal" in reply ? { ...reply.refusal, message: "" } : null,
      );
    };
    const unknown = { code: "not-found", message: "" };
    expect(await codes(1)).toEqual([unknown, unknown, unknown]);
    expect(await codes(7)).toEqual([unknown, unknown, unknown]);
    // A ticket that one sees is no reason to work on another's conversation.
    const anothers = { actor: byAgent(1), conversationId: first, ticket: { number: 1 } };
    expect(await stage.request("link-ticket", anothers)).toMatchObject({ refusal: { code: "not-permitted" } });
    await stage.command("propose-ticket-link", { conversationId: own, ticket: { number: 1 } });
    expect(await stage.request("read-ticket", { actor: byAgent(1), ticket: { number: 1 } })).toMatchObject({
      ok: true,
    });
    await stage.request("reject-ticket-link", ask);
    expect(await stage.request("read-ticket", { actor: byAgent(1), ticket: { number: 1 } })).toMatchObject({
      refusal: { code: "not-found" },
    });
  });
});
