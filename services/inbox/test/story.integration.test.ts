import { createStage, stageAgent, stageId, waitFor, type Stage } from "@turno/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ADMIN, configureInbox, openConversation, OPERATOR } from "./fixtures.ts";
import { startInbox } from "./http.ts";

let stage: Stage;
let inbox: Awaited<ReturnType<typeof startInbox>>;
beforeAll(async () => {
  stage = await createStage();
  await Promise.all([stage.start("router"), stage.start("session-tracker")]);
  inbox = await startInbox(stage);
  stage.keep();
});
beforeEach(() => configureInbox(stage));
afterEach(() => stage.clear());
afterAll(() => stage.stop());

describe("the inbox over HTTP", () => {
  it("carries a conversation from its first message to its closed ticket", async () => {
    const [ana, bruno, operator] = await Promise.all([inbox.as(0), inbox.as(1), inbox.as(OPERATOR)]);
    const old = await openConversation(stage, "b");
    expect((await ana.post(`/v1/conversations/${old}/ticket`, { subject: "Vieja" })).body).toMatchObject({
      ticketNumber: 1,
    });
    expect((await ana.post(`/v1/conversations/${old}/close`)).status).toBe(200);

    const id = await openConversation(stage, "a", ["hola", "quiero un reembolso"]);
    const path = `/v1/conversations/${id}`;
    expect((await ana.get("/v1/conversations?state=active")).body).toMatchObject({
      conversations: [{ id }],
      next: null,
    });
    expect((await bruno.get(path)).status).toBe(403);
    const sent = await ana.post(`${path}/messages`, { message: { type: "text", body: "Hola, paso su caso." } });
    expect(sent.status).toBe(200);

    await bruno.post(`/v1/agents/${stageAgent(1)}/availability`, { availability: "available" });
    const moved = await ana.post(`${path}/transfer`, { to: { agentId: stageAgent(1) }, reason: "reembolsos" });
    expect(moved).toMatchObject({ status: 200, body: { state: "active", agentId: stageAgent(1) } });
    expect((await ana.get(path)).status).toBe(403);

    const bot = { actor: { kind: "service", name: "bot" } as const, conversationId: id };
    await stage.request("propose-ticket-link", { ...bot, ticket: { number: 1 } });
    expect((await bruno.get(path)).body["ticket"]).toMatchObject({ number: 1, link: "proposed" });
    const early = await bruno.post(`${path}/close`);
    expect(early).toMatchObject({ status: 409, body: { code: "ticket-needed" } });
    expect(early.headers.get("content-type")).toBe("application/problem+json");
    expect((await bruno.get("/v1/tickets?text=vieja")).body).toMatchObject({ tickets: [{ number: 1 }] });
    expect((await bruno.post(`${path}/ticket-link/reject`)).status).toBe(200);
    // It is another customer's, with whom Bruno has nothing to do.
    expect((await bruno.get("/v1/tickets?text=vieja")).body).toEqual({ tickets: [], nextBeforeNumber: null });
    const made = await bruno.post(`${path}/ticket`, { subject: "Reembolso", body: "Pide su dinero" });
    expect(made).toMatchObject({ status: 200, body: { ticketNumber: 2, ticketLink: "confirmed" } });

    const closes = await Promise.all([bruno.post(`${path}/close`), operator.post(`${path}/close`)]);
    expect(new Set(closes.map(({ status }) => status))).toEqual(new Set([200, 409]));
    const [lost] = closes.filter(({ status }) => status === 409);
    const details = { by: expect.any(String) as string, at: expect.any(String) as string };
    expect(lost?.body).toMatchObject({ code: "conversation-closed", details });

    // The loop that adds what was left out may have taken it a moment before the command did.
    const readActions = async () =>
      (await bruno.get("/v1/tickets/2")).body["actions"] as { kind: string; body: string }[];
    const actions = await waitFor(async () => ((await readActions()).length > 0 ? readActions() : null), {
      what: "the history is added",
    });
    expect(actions.map(({ kind }) => kind)).toEqual(["history"]);
    expect(actions[0]?.body).toMatch(
      /customer: hola\n.*customer: quiero un reembolso\n.*Agent 0: Hola, paso su caso\. \(not sent yet\)$/,
    );
    const timeline = await bruno.get(`${path}/timeline`);
    const entries = timeline.body["entries"] as { type: string; sequence: number; data: { reason?: unknown } }[];
    expect(entries.map(({ sequence }) => sequence)).toEqual(entries.map((_, index) => index + 1));
    const types = entries.map(({ type }) => type);
    expect(types[0]).toBe("conversation.opened");
    // A second message may come before or after the assignment.
    expect(types.slice(1, 5).toSorted()).toEqual(
      ["conversation.assigned", "message.received", "message.received", "message.requested"].toSorted(),
    );
    expect(types.slice(5)).toEqual([
      "conversation.transferred",
      "conversation.assigned",
      "ticket.proposed",
      "ticket.rejected",
      "ticket.confirmed",
      "conversation.closed",
    ]);
    expect(entries.find(({ type }) => type === "conversation.transferred")?.data.reason).toBe("reembolsos");
    const messages = await bruno.get(`${path}/messages`);
    expect(messages.body["messages"]).toMatchObject([
      { direction: "out", send: { state: "waiting" }, content: { text: { body: "Hola, paso su caso." } } },
      { direction: "in", wamid: "wamid.a.1" },
      { direction: "in", wamid: "wamid.a.0" },
    ]);
    expect((await bruno.get(`${path}/assignments`)).body["assignments"]).toHaveLength(2);
  });

  it("rids everybody of who only disturbs, until an operator thinks better of it", async () => {
    const [ana, operator] = await Promise.all([inbox.as(0), inbox.as(OPERATOR)]);
    const id = await openConversation(stage, "n");
    const path = `/v1/conversations/${id}`;
    expect((await ana.get(path)).body).toMatchObject({
      actions: expect.not.arrayContaining(["close-as-spam"]) as string[],
      contact: { blockedAt: null, actions: [] },
    });
    expect(await ana.post(`${path}/spam`)).toMatchObject({ status: 403, body: { code: "not-permitted" } });
    const seen = await operator.get(path);
    const contact = seen.body["contact"] as { id: string; actions: string[] };
    expect([seen.body["actions"], contact.actions]).toEqual([expect.arrayContaining(["close-as-spam"]), ["block"]]);
    expect(await operator.post(`/v1/contacts/${contact.id}/block`, { reason: "" })).toMatchObject({ status: 422 });
    expect(await operator.post(`/v1/contacts/${contact.id}/block`, { reason: "Advertising" })).toMatchObject({
      status: 200,
      body: { closedConversationIds: [id] },
    });
    const sent = await ana.post(`${path}/messages`, { message: { type: "text", body: "Hola" } });
    expect(sent).toMatchObject({ status: 409, body: { code: "contact-blocked" } });
    const entries = (await ana.get(`${path}/timeline`)).body["entries"] as { type: string; data: object }[];
    expect(entries.at(-1)).toMatchObject({
      type: "conversation.closed",
      data: { reason: "spam", ticketNumber: null, actor: { agentId: stageAgent(OPERATOR) } },
    });
    expect((await operator.get(path)).body).toMatchObject({
      state: "closed",
      contact: { blockedAt: expect.any(String) as string, actions: ["unblock"] },
    });
    await stage.publish([{ id: "wamid.n.more", userId: "US.n" }]);
    await waitFor(async () => (await stage.sql`select from messages where key = 'msg:wamid.n.more'`).length === 1, {
      what: "what it wrote is kept",
    });
    expect((await operator.post(`/v1/contacts/${contact.id}/unblock`)).status).toBe(200);
    await stage.publish([{ id: "wamid.n.last", userId: "US.n", text: "perdón" }]);
    const isNext = { contact: { id: contact.id, blockedAt: null } };
    await waitFor(
      async () => ((await ana.get("/v1/conversations?state=active")).body["conversations"] as object[])[0],
      {
        what: "its next message takes a turn",
      },
    );
    expect((await ana.get("/v1/conversations?state=active")).body).toMatchObject({ conversations: [isNext] });
  });

  it("shows an expired conversation with its ticket's number and exactly three things to do", async () => {
    const ana = await inbox.as(0);
    const id = await openConversation(stage, "a");
    await ana.post(`/v1/conversations/${id}/ticket`, { subject: "Pendiente" });
    await stage.sql`
      with expired as (update conversations set state = 'expired' where id = ${id}),
      ended as (update assignments set ended_at = now() where conversation_id = ${id} and ended_at is null)
      update agents set active_count = active_count - 1 where id = ${stageAgent(0)}`;
    const expired = await ana.get("/v1/conversations?state=expired");
    expect(expired.body["conversations"]).toMatchObject([
      { id, ticket: { number: 1, link: "confirmed" }, actions: ["ticket-link", "template", "finalise"] },
    ]);
    expect(await ana.post(`/v1/conversations/${id}/close`)).toMatchObject({ status: 409 });
    const free = await ana.post(`/v1/conversations/${id}/messages`, { message: { type: "text", body: "hola" } });
    expect(free).toMatchObject({ status: 409, body: { code: "session-over" } });
    expect((await ana.post(`/v1/conversations/${id}/finalise`)).body).toMatchObject({
      how: "finalised",
      ticketNumber: 1,
    });
  });
});

describe("an expired conversation from which a template has opened another", () => {
  it("says where it goes on, can only be finalised, and takes the other one's ticket or the one that is named", async () => {
    await stage.sql`
      insert into templates (account_id, name, language, template_id, status, category, components, changed_at)
      values ('100', 'hello', 'es', '1', 'APPROVED', 'UTILITY', '[]', now())`;
    const ana = await inbox.as(0);
    const template = { message: { type: "template", name: "hello", language: "es" } };
    for (const [user, named] of [
      ["a", null],
      // The other customer's ticket, and that is meant.
      ["b", { ticket: { number: 1 }, anothers: true }],
    ] as const) {
      const id = await openConversation(stage, user);
      const path = `/v1/conversations/${id}`;
      await stage.sql`
        with expired as (update conversations set state = 'expired', session_ends_at = turno_now() where id = ${id}),
        ended as (update assignments set ended_at = now() where conversation_id = ${id} and ended_at is null)
        update agents set active_count = active_count - 1 where id = ${stageAgent(0)}`;
      const continuedById = (await ana.post(`${path}/messages`, template)).body["conversationId"] as string;
      const old = await ana.get(path);
      expect(old.body).toMatchObject({ state: "expired", continuedById, actions: ["finalise"] });
      expect((await ana.get(`/v1/conversations/${continuedById}`)).body).toMatchObject({ continuesConversationId: id });
      for (const refused of [
        await ana.post(`${path}/messages`, template),
        await ana.post(`${path}/ticket`, { subject: "Otra" }),
      ]) {
        expect(refused).toMatchObject({
          status: 409,
          body: { code: "conversation-continued", details: { continuedById } },
        });
      }
      expect(await ana.post(`${path}/finalise`)).toMatchObject({ status: 409, body: { code: "ticket-needed" } });
      if (named === null) await ana.post(`/v1/conversations/${continuedById}/ticket`, { subject: "Sigue" });
      const finalised = await ana.post(`${path}/finalise`, named ?? {});
      expect(finalised).toMatchObject({ status: 200, body: { how: "finalised", ticketNumber: 1 } });
      const types = (
        await stage.sql<{ type: string }[]>`
        select type from events where entity_id = ${id} order by sequence`
      ).map(({ type }) => type);
      expect(types.slice(-2)).toEqual(["ticket.confirmed", "conversation.closed"]);
      expect((await ana.get(path)).body).toMatchObject({ state: "closed", ticket: { number: 1, link: "confirmed" } });
    }
  });
});

describe("lists", () => {
  it("give queued conversations of own groups by waiting time and closed ones by newest, each once over any pages", async () => {
    await stage.command("configure", {
      groups: [{ id: stageId(1), name: "Support", distribution: "manual", closingNeedsTicket: false }],
    });
    await stage.publish(Array.from({ length: 25 }, (_, index) => ({ id: `wamid.${index}`, userId: `US.${index}` })));
    await waitFor(async () => (await stage.sql`select from conversations where state = 'queued'`).length === 25, {
      what: "25 wait",
    });
    const [ana, admin] = await Promise.all([inbox.as(0), inbox.as(ADMIN)]);
    const walk = async (state: string): Promise<string[]> => {
      const ids: string[] = [];
      let next: string | null = "";
      while (next !== null) {
        const page = await ana.get(`/v1/conversations?state=${state}&limit=4${next === "" ? "" : `&after=${next}`}`);
        ids.push(...(page.body["conversations"] as { id: string }[]).map(({ id }) => id));
        next = page.body["next"] as string | null;
      }
      return ids;
    };
    const queued = await stage.sql<{ id: string }[]>`select id from conversations order by queued_at, id`;
    expect(await walk("queued")).toEqual(queued.map(({ id }) => id));
    for (let index = 0; index < 9; index++) {
      const claimed = await ana.post("/v1/claim-next");
      expect((await ana.post(`/v1/conversations/${String(claimed.body["conversationId"])}/close`)).status).toBe(200);
    }
    const closed = await stage.sql<
      { id: string }[]
    >`select id from conversations where state = 'closed' order by id desc`;
    expect(await walk("closed")).toEqual(closed.map(({ id }) => id));
    expect((await admin.get("/v1/conversations?state=closed")).body["conversations"]).toHaveLength(9);
    expect((await (await inbox.as(1)).get("/v1/conversations?state=closed")).body["conversations"]).toEqual([]);
  });
});
