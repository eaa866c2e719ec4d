import { requestCommand } from "@turno/messaging";
import { createIdSource } from "@turno/runtime";
import { waitFor } from "@turno/testing";
import { randomUUID } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import { leaseSends } from "../src/sending/lease-sends.ts";
import { recordOutcomes } from "../src/sending/record-outcomes.ts";
import {
  AGENT_ID,
  shareGround,
  readEventTypes,
  requestSends,
  templateBody,
  waitUntilSettled,
  type Talk,
  type SenderWorld,
} from "./fixtures/world.ts";

const createId = createIdSource();

const openWorld = shareGround();
let world: SenderWorld;
afterEach(() => world?.close());

const talkAt = (index: number): Talk => {
  const talk = world.talks[index];
  if (talk === undefined) throw new Error("no such talk");
  return talk;
};

/** For a test that is a sender itself. */
const settings = {
  createId,
  tokenKey: "of-the-test",
  rates: { number: { intervalMs: 1, burst: 10 }, pair: { intervalMs: 1, burst: 10 } },
  tryWaits: { firstMs: 60_000, maxMs: 900_000 },
  limits: { waitMsMax: 3_600_000 },
};

const stateOf = async (id: string | undefined) => (await world.readSends()).get(id ?? "")?.state;
const untilState = (id: string | undefined, state: string) =>
  waitFor(async () => (await stateOf(id)) === state, { what: `the message is ${state}` });

describe("a message that Meta takes", () => {
  it("is accepted, followed to the customer's eyes with its price, and told in order", async () => {
    world = await openWorld({ graph: { statuses: { readShare: 1, skipDeliveredShare: 0, stepMsMax: 60 } } });
    await world.startSender();
    const [id, receipt] = await requestSends(world, [
      { talk: talkAt(1) },
      { talk: talkAt(1), kind: "read", body: { status: "read", message_id: "wamid.theirs" } },
    ]);
    await untilState(id, "read");
    await untilState(receipt, "accepted");
    const row = (await world.readSends()).get(id ?? "");
    expect(row).toMatchObject({ attempt: 1, error: null, pricing: { category: "service" } });
    expect(world.graph.ledger.reads()).toEqual(["wamid.theirs"]);
    const events = await readEventTypes(world.sql, talkAt(1).conversationId);
    const ofMessage = events.filter((type) => type !== "message.accepted");
    expect(ofMessage.at(-1)).toBe("message.read");
    expect(events.filter((type) => type === "message.accepted").length).toBeGreaterThanOrEqual(1);
    await waitFor(async () => (await world.sql`select from outbox`).length === 0, { what: "all events are published" });
  });

  it("keeps its order in the conversation, also where one of them must wait", async () => {
    world = await openWorld({ customers: 2 });
    world.graph.fail({ fault: { kind: "error", code: 130429 }, times: 2 });
    await world.startSender();
    const ids = await requestSends(
      world,
      Array.from({ length: 12 }, (_, index) => ({ talk: talkAt(index % 2) })),
    );
    await waitUntilSettled(world);
    const sent = world.graph.ledger.messages().map(({ callbackData }) => callbackData);
    for (const half of [0, 1]) {
      const wanted = ids.filter((_, index) => index % 2 === half);
      expect(sent.filter((id) => wanted.includes(id ?? ""))).toEqual(wanted);
    }
  });
});

describe("a message whose outcome is not known", () => {
  it("is settled by a status that brings our id back, and stays unknown where none comes; it is never sent again", async () => {
    world = await openWorld({ graph: { statuses: { readShare: 0, stepMsMax: 1_200 } } });
    world.graph.fail({ fault: { kind: "reset", accepts: true }, times: 1 });
    world.graph.fail({ fault: { kind: "no-answer", accepts: false }, times: 1 });
    await world.startSender();
    const [taken] = await requestSends(world, [{ talk: talkAt(0) }]);
    await untilState(taken, "delivered");
    const [lost] = await requestSends(world, [{ talk: talkAt(1) }]);
    await untilState(lost, "unknown");
    await waitUntilSettled(world);
    expect(await readEventTypes(world.sql, talkAt(1).conversationId)).toEqual(["message.unconfirmed"]);
    expect((await world.readSends()).get(lost ?? "")?.attempt).toBe(1);
    expect(world.graph.ledger.messages().map(({ callbackData }) => callbackData)).toEqual([taken]);
  });
});

describe("statuses", () => {
  it("take effect before the answer, late, repeated and in any order, and only move a message forward", async () => {
    world = await openWorld({
      customers: 20,
      graph: {
        statuses: { beforeAnswerShare: 0.5, shuffledShare: 0.5, lateShare: 0.3, lateMsMax: 300, readShare: 0.7 },
      },
    });
    await Promise.all([world.startSender(), world.startSender()]);
    await requestSends(
      world,
      Array.from({ length: 60 }, (_, index) => ({ talk: talkAt(index % 20) })),
    );
    await waitUntilSettled(world);
    await world.graph.drain();
    await waitFor(
      async () => {
        const states = [...(await world.readSends()).values()].map(({ state }) => state);
        return states.every((state) => state === "delivered" || state === "read");
      },
      { what: "every message is delivered or read" },
    );
    const rank = ["accepted", "sent", "delivered", "read"];
    const rows = await world.sql<{ sendId: string; types: string[] }[]>`
      select data->>'sendId' as "sendId", array_agg(type order by sequence) as types from events
      where type like 'message.%' group by 1`;
    expect(rows).toHaveLength(60);
    for (const { types } of rows) {
      const ranks = types.map((type) => rank.indexOf(type.replace("message.", "")));
      expect(ranks).toEqual([...new Set(ranks)].toSorted((a, b) => a - b));
    }
    expect((await world.sql`select from waiting_statuses`).length).toBe(0);
  });

  it("of an unknown message wait for it", async () => {
    world = await openWorld();
    const { phoneNumberId, customer } = talkAt(1);
    const channel = { accountId: "100", phoneNumberId, displayPhoneNumber: "1" };
    const item = { id: "wamid.later", status: "delivered", timestamp: "1790000000", recipient_id: "5" };
    const sender = await world.startSender();
    await world.simulator.post([
      { id: "s", kind: "delivered", field: "messages", list: "statuses", item, channel, customer },
    ]);
    await waitFor(async () => (await world.sql`select from waiting_statuses`).length === 1, { what: "it waits" });
    await sender.stop();

    const [id] = await requestSends(world, [{ talk: talkAt(2) }]);
    const { sends } = await leaseSends(world.sql, { limit: 9, leaseMs: 60_000, ...settings });
    expect(sends).toMatchObject([{ id, attempt: 1 }]);
    const verdict = { kind: "accepted" as const, wamid: "wamid.later" };
    const outcomes = [{ id: id ?? "", attempt: 1, verdict }];
    expect(await recordOutcomes(world.sql, outcomes, settings)).toMatchObject({ counts: { accepted: 1 } });
    expect(await stateOf(id)).toBe("delivered");
    expect((await world.sql`select from waiting_statuses`).length).toBe(0);
    expect(await readEventTypes(world.sql, talkAt(2).conversationId)).toEqual([
      "message.accepted",
      "message.delivered",
    ]);
  });
});

describe("a circuit", () => {
  it("opens where the token is refused, keeps what waits, shows why, and lets all of it go after a reset", async () => {
    world = await openWorld({ customers: 10 });
    const mend = world.graph.fail({ fault: { kind: "error", code: 190 } });
    await world.startSender();
    const ids = await requestSends(
      world,
      world.talks.map((talk) => ({ talk })),
    );
    const actor = { kind: "service" as const, name: "developer" };
    const circuit = await waitFor(
      async () => {
        const reply = await requestCommand(world.connection, "list-circuits", { actor });
        return "ok" in reply ? (reply.circuits[0] ?? false) : false;
      },
      { what: "the circuit is open" },
    );
    expect(circuit).toMatchObject({
      scope: "token",
      code: 190,
      reason: expect.stringContaining("access token") as string,
    });
    await waitFor(async () => [...(await world.readSends()).values()].every(({ state }) => state === "waiting"), {
      what: "everything waits",
    });
    const { scope, key } = circuit;
    const byAgent = { kind: "agent" as const, agentId: AGENT_ID };
    expect(await requestCommand(world.connection, "reset-circuit", { actor: byAgent, scope, key })).toMatchObject({
      refusal: { code: "not-permitted" },
    });
    mend();
    expect(await requestCommand(world.connection, "reset-circuit", { actor, scope, key })).toMatchObject({ ok: true });
    await waitUntilSettled(world);
    await world.graph.drain();
    expect(ids.map((id) => world.graph.ledger.reachedCount(id))).toEqual(ids.map(() => 1));
  });
});

describe("a refusal because the session is over", () => {
  it("closes the session at once, whatever our clock says", async () => {
    world = await openWorld();
    world.graph.fail({ fault: { kind: "error", code: 131047 }, times: 1 });
    await world.startSender();
    const [id] = await requestSends(world, [{ talk: talkAt(1) }]);
    await untilState(id, "failed");
    const [row] = await world.sql<{ endsAt: Date; closedAt: Date; isDue: boolean }[]>`
      select session_ends_at as "endsAt", session_closed_at as "closedAt", check_at <= turno_now() as "isDue"
      from conversations where id = ${talkAt(1).conversationId}`;
    expect(row?.isDue).toBe(true);
    expect(row?.endsAt).toEqual(row?.closedAt);
    expect((await world.readSends()).get(id ?? "")?.error?.message).toContain("send a template");
  });
});

describe("a template that opened a conversation", () => {
  /** An expired conversation, and the new one that a template on it opened. */
  async function reopen(talk: Talk): Promise<Talk> {
    const conversationId = randomUUID();
    await world.sql`update conversations set state = 'expired' where id = ${talk.conversationId}`;
    await world.sql`update assignments set ended_at = now() where conversation_id = ${talk.conversationId}`;
    await world.sql`
      insert into conversations (id, channel_id, contact_id, group_id, state, agent_id, opened_at, queued_at, assigned_at,
        check_at, continues_conversation_id, sequence)
      select ${conversationId}, channel_id, contact_id, group_id, 'active', agent_id, now(), now(), now(),
        now() + interval '20 hours', id, 1 from conversations where id = ${talk.conversationId}`;
    await world.sql`
      insert into assignments (id, conversation_id, group_id, agent_id, assigned_at, reason)
      select gen_random_uuid(), id, group_id, agent_id, now(), '{}' from conversations where id = ${conversationId}`;
    return { ...talk, conversationId };
  }
  const readConversation = async (id: string) => {
    const [row] = await world.sql<{ state: string; assignments: number; active: number }[]>`
      select state, (select count(*)::int from assignments where conversation_id = ${id} and ended_at is null) as
        assignments, (select active_count from agents where id = ${AGENT_ID}) as active
      from conversations where id = ${id}`;
    return row;
  };
  const untilFailed = (id: string) =>
    waitFor(async () => (await readConversation(id))?.state === "failed", { what: "the conversation has failed" });
  const good = templateBody("novedades", "es_MX");

  it("ends it as failed and frees the agent's place, where Meta refuses it now or later", async () => {
    world = await openWorld();
    await world.startSender();
    const readStatus = async () =>
      (await world.sql<{ status: string }[]>`select status from templates where name = 'paused_offer'`)[0]?.status;
    await waitFor(readStatus, { what: "the list of templates is read" });
    const [now, later] = [await reopen(talkAt(1)), await reopen(talkAt(2))];
    world.graph.fail({
      fault: { kind: "failed", code: 131049 },
      when: ({ template }) => template?.name === "novedades",
    });
    await requestSends(world, [
      { talk: now, kind: "template", body: templateBody("paused_offer", "en_US"), isOpening: true },
      { talk: later, kind: "template", body: good, isOpening: true },
    ]);
    await untilFailed(now.conversationId);
    await untilFailed(later.conversationId);
    expect(await readConversation(later.conversationId)).toEqual({ state: "failed", assignments: 0, active: 3 });
    const told = await readEventTypes(world.sql, later.conversationId);
    expect(told.slice(-2)).toEqual(["message.failed", "conversation.failed"]);
    expect(await readStatus()).toBe("PAUSED");
  });

  it("leaves it where the customer has written into it, or another template still stands", async () => {
    world = await openWorld();
    const [answered, second] = [await reopen(talkAt(1)), await reopen(talkAt(2))];
    await world.sql`
      update conversations set session_ends_at = now() + interval '24 hours' where id = ${answered.conversationId}`;
    world.graph.fail({ fault: { kind: "error", code: 131049 }, times: 2 });
    const ids = await requestSends(world, [
      { talk: answered, kind: "template", body: good, isOpening: true },
      { talk: second, kind: "template", body: good, isOpening: true },
    ]);
    const [heir] = await requestSends(world, [{ talk: second, kind: "template", body: good }]);
    await world.startSender();
    await waitUntilSettled(world);
    expect([await stateOf(ids[0]), await stateOf(ids[1])]).toEqual(["failed", "failed"]);
    expect((await readConversation(answered.conversationId))?.state).toBe("active");
    expect((await readConversation(second.conversationId))?.state).toBe("active");
    const [row] = await world.sql<{ isOpening: boolean }[]>`
      select is_opening as "isOpening" from sends where id = ${heir ?? ""}`;
    expect(row?.isOpening).toBe(true);
  });
});

describe("templates", () => {
  it("are read from Meta's list at the start and follow the account's webhooks", async () => {
    world = await openWorld();
    await world.startSender();
    const read = () => world.sql<{ name: string; language: string; status: string; templateId: string }[]>`
      select name, language, status, template_id as "templateId" from templates order by name`;
    await waitFor(async () => (await read()).length === world.graph.templates().length, { what: "the list is read" });
    await world.graph.setTemplateStatus("novedades", "es_MX", "PAUSED");
    const paused = await waitFor(
      async () => (await read()).find(({ name, status }) => name === "novedades" && status === "PAUSED") ?? false,
      { what: "the webhook took effect" },
    );
    expect(paused.templateId).toBe("9223372036854775786");
  });
});
