import { openEventLog } from "@turno/database";
import { createStage, stageAgent, STAGE_GROUP, waitFor, type Stage } from "@turno/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { configureInbox, openConversation, OPERATOR, OUTSIDER } from "./fixtures.ts";
import { startInbox } from "./http.ts";
import { LiveClient, type HeardEvent } from "./live-client.ts";

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
  await stage.start("router");
  stage.keep();
});
afterEach(() => stage.clear());
afterAll(() => stage.stop());

describe("the log of events", () => {
  it("begins at its end also for who opens it while a transaction runs", async () => {
    await configureInbox(stage);
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    const running = stage.sql.begin(async (tx) => {
      await tx`select pg_current_xact_id()`;
      await held;
    });
    const [last] = await stage.sql<{ position: number }[]>`select max(position) as position from events`;
    const opening = openEventLog(stage.sql);
    // It has long looked when so many questions were answered.
    for (let count = 0; count < 20; count++) await stage.sql`select 1`;
    release();
    await running;
    expect((await opening).completePosition).toBe(last?.position);
    expect(last?.position).toBeGreaterThan(0);
  });
});

describe("live events", () => {
  it("reach who they concern: the agent that has it, its group's queue, its operators; nobody else", async () => {
    const inbox = await startInbox(stage);
    await configureInbox(stage);
    const open = async (index: number) => LiveClient.open(inbox.url, (await inbox.as(index)).token);
    const [own, member, operator, outsider] = await Promise.all([open(0), open(1), open(OPERATOR), open(OUTSIDER)]);
    const id = await openConversation(stage, "a");
    const ana = await inbox.as(0);
    expect(await ana.post(`/v1/conversations/${id}/ticket`, { subject: "Live" })).toMatchObject({ status: 200 });
    expect(await ana.post(`/v1/conversations/${id}/close`)).toMatchObject({ status: 200 });
    await waitFor(() => own.seen.some(({ event }) => event === "conversation.closed"), { what: "the close is live" });
    await waitFor(() => operator.seen.some(({ event }) => event === "conversation.closed"), {
      what: "the operator sees it",
    });
    // The availability that came just before may be told yet.
    const types = (client: LiveClient) =>
      client.seen.filter(({ data }) => data.entityId === id).map(({ event }) => event);
    const all = [
      "conversation.opened",
      "message.received",
      "conversation.assigned",
      "ticket.confirmed",
      "conversation.closed",
    ];
    expect(types(operator)).toEqual(all);
    // What came before the assignment was the queue's.
    expect(types(own)).toEqual(all.filter((type) => type !== "message.received"));
    expect(types(member)).toEqual(["conversation.opened", "conversation.assigned"]);
    expect(types(outsider)).toEqual([]);
    await Promise.all([own, member, operator, outsider].map((client) => client.close()));
  });

  it("of 100 reconnects to two replicas under load lose nothing and repeat nothing", async () => {
    const inboxes = await Promise.all([startInbox(stage), startInbox(stage)]);
    await configureInbox(stage);
    await stage.command("configure", {
      agents: [{ id: stageAgent(OPERATOR), name: "Operator", role: "operator", groupIds: [STAGE_GROUP] }],
    });
    const tokens = await Promise.all(inboxes.map(async (inbox) => (await inbox.as(OPERATOR)).token));
    const users = 60;
    const first = await LiveClient.open(inboxes[0]?.url ?? "", tokens[0] ?? "");
    let lastId = first.lastId;
    const seen: HeardEvent[] = [];
    let isLoading = true;
    const load = (async () => {
      for (let round = 0; round < 10; round++) {
        await stage.publish(
          Array.from({ length: users }, (_, user) => ({ id: `wamid.${user}.${round}`, userId: `US.${user}` })),
          8,
        );
        const rows = await stage.sql<{ id: string }[]>`select id from conversations where state = 'active' limit 5`;
        const to = { groupId: STAGE_GROUP };
        await Promise.all(rows.map(({ id }) => stage.command("transfer", { conversationId: id, to, force: true })));
      }
      isLoading = false;
    })();
    await first.close();
    seen.push(...first.seen);
    lastId = first.lastId;
    for (let reconnect = 0; reconnect < 100; reconnect++) {
      const at = reconnect % 2;
      const client = await LiveClient.open(inboxes[at]?.url ?? "", tokens[at] ?? "", lastId);
      const count = 1 + (reconnect % 7);
      if (isLoading) await waitFor(() => client.seen.length >= count || !isLoading, { what: "a few events came" });
      await client.close();
      seen.push(...client.seen);
      lastId = client.lastId;
    }
    await load;
    const expected = async () => stage.sql<{ id: string }[]>`
      select id from events where starts_with(type, 'conversation.') or starts_with(type, 'message.')`;
    const last = await LiveClient.open(inboxes[0]?.url ?? "", tokens[0] ?? "", lastId);
    await waitFor(async () => seen.length + last.seen.length >= (await expected()).length, { what: "all events came" });
    await last.close();
    seen.push(...last.seen);
    const ids = seen.map(({ data }) => data.id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.toSorted()).toEqual((await expected()).map(({ id }) => id).toSorted());
    const sequences = new Map<string, number>();
    for (const { data } of seen) {
      expect(data.sequence).toBe((sequences.get(data.entityId) ?? 0) + 1);
      sequences.set(data.entityId, data.sequence);
    }
  });

  it("are at most ten at once for one agent, whose place is free again when one ends", async () => {
    const inbox = await startInbox(stage);
    await configureInbox(stage);
    const { token } = await inbox.as(0);
    const clients = await Promise.all(Array.from({ length: 10 }, () => LiveClient.open(inbox.url, token)));
    await expect(LiveClient.open(inbox.url, token)).rejects.toThrow("429");
    await clients[0]?.close();
    const again = await waitFor(() => LiveClient.open(inbox.url, token), { what: "there is a place again" });
    await Promise.all([again, ...clients.slice(1)].map((client) => client.close()));
  });

  it("do not go on from an id of another timeline of the database, and say so", async () => {
    const inbox = await startInbox(stage);
    await configureInbox(stage);
    const { token } = await inbox.as(OPERATOR);
    const client = await LiveClient.open(inbox.url, token);
    const own = client.lastId ?? "";
    await client.close();
    const readFirst = async (lastId: string) => {
      const headers = { authorization: `Bearer ${token}`, "last-event-id": lastId };
      const { body } = await fetch(`${inbox.url}/v1/live`, { headers });
      const reader = body?.getReader();
      const chunk = await reader?.read();
      await reader?.cancel();
      return new TextDecoder().decode(chunk?.value);
    };
    expect(await readFirst(own)).toContain('{"isContinued":true}');
    // Far ahead: on this timeline nothing would come for long.
    const other = await readFirst("999999-018f0000-0000-7000-8000-000000000000");
    expect(other).toContain('{"isContinued":false}');
    // Its place may have moved on by what the configuration wrote; its timeline is the own one.
    expect(other).toMatch(new RegExp(`id: \\d+${own.slice(own.indexOf("-"))}`));
  });

  it("end in order when the inbox stops, and refuse an id that they never gave", async () => {
    const inbox = await startInbox(stage);
    await configureInbox(stage);
    const { token } = await inbox.as(0);
    const client = await LiveClient.open(inbox.url, token);
    const headers = { authorization: `Bearer ${token}`, "last-event-id": "' or 1=1" };
    const refused = await fetch(`${inbox.url}/v1/live`, { headers });
    expect(refused.status).toBe(422);
    await refused.body?.cancel();
    await inbox.service.stop();
    await client.close();
  });
});
