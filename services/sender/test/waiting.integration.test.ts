import { waitFor } from "@turno/testing";
import { randomUUID } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import { createCircuitSteps, LATER, OUT, template } from "./fixtures/circuits.ts";
import {
  shareGround,
  readEventTypes,
  requestSends,
  waitUntilSettled,
  type Talk,
  type SenderWorld,
} from "./fixtures/world.ts";

const openWorld = shareGround();
let world: SenderWorld;
afterEach(() => world?.close());

const { untilStopped, reset, sendOf, untilState, talkAt } = createCircuitSteps(() => world);

/** Stops the account, by a first message that Meta refuses. Resolves with what lets sending go on. */
async function stop(talk: Talk): Promise<{ first: string; goOn: () => Promise<void> }> {
  const lift = world.graph.fail({ fault: { kind: "error", code: 131031 } });
  const [first = ""] = await requestSends(world, [{ talk }]);
  const circuit = await untilStopped("account");
  return {
    first,
    goOn: async () => {
      lift();
      await reset(circuit);
    },
  };
}

/** An expired conversation's continuation, that a template opened. */
async function continueTalk(talk: Talk): Promise<Talk> {
  const conversationId = randomUUID();
  await world.sql`update conversations set state = 'expired' where id = ${talk.conversationId}`;
  await world.sql`update assignments set ended_at = now() where conversation_id = ${talk.conversationId}`;
  await world.sql`
    insert into conversations (id, channel_id, contact_id, group_id, state, agent_id, opened_at, queued_at, assigned_at,
      check_at, continues_conversation_id, sequence)
    select ${conversationId}, channel_id, contact_id, group_id, 'active', agent_id, now(), now(), now(),
      now() + interval '20 hours', id, 1 from conversations where id = ${talk.conversationId}`;
  return { ...talk, conversationId };
}

describe("C17: what waited is asked again when it is leased", () => {
  it("does not go out after its session, its conversation or its time, and says why; all else goes", async () => {
    world = await openWorld({ customers: 8 });
    await world.startSender(LATER);
    const { first, goOn } = await stop(talkAt(0));
    const [over, closed, expired, old, fine] = [1, 2, 3, 4, 5].map(talkAt) as [Talk, Talk, Talk, Talk, Talk];
    const continued = await continueTalk(talkAt(6));
    const again = await continueTalk(talkAt(7));
    const ids = await requestSends(world, [
      { talk: over },
      { talk: over, ...template },
      { talk: closed },
      { talk: closed, ...template },
      { talk: closed, kind: "read", body: { status: "read", message_id: "wamid.theirs" } },
      { talk: expired },
      { talk: old, ...template },
      { talk: fine },
      { talk: continued, ...template, isOpening: true },
      { talk: again, ...template, isOpening: true },
    ]);
    const { sql } = world;
    await sql`
      update conversations set session_ends_at = now() + interval '30 seconds' where id = ${over.conversationId}`;
    await sql`update conversations set state = 'closed' where id = ${closed.conversationId}`;
    await sql`
      update conversations set state = 'expired', session_ends_at = now() - interval '1 second'
      where id = any(${[expired.conversationId, continued.conversationId]})`;
    await sql`update conversations set session_ends_at = null where id = ${continued.conversationId}`;
    await sql`update sends set created_at = now() - interval '25 hours' where id = ${ids[6] ?? ""}`;
    await goOn();
    await waitUntilSettled(world);
    const rows = await world.readSends();
    const told = ids.map((id) => {
      const { state = "", error = null } = rows.get(id) ?? {};
      return OUT.includes(state) ? "out" : `${state}: ${error?.message ?? ""}`;
    });
    expect(told).toEqual([
      expect.stringMatching(/^failed: Not sent\. The customer's 24 hours .* only a template/),
      "out",
      expect.stringMatching(/^failed: Not sent\. The conversation was closed/),
      expect.stringMatching(/^failed: Not sent\. The conversation was closed/),
      "out",
      expect.stringMatching(/^failed: Not sent\. The customer's 24 hours/),
      expect.stringMatching(/^failed: Not sent\. It has waited since/),
      "out",
      expect.stringMatching(/^failed: Not sent\. The conversation expired/),
      "out",
    ]);
    expect(OUT).toContain(rows.get(first)?.state);
    expect(await readEventTypes(sql, closed.conversationId)).toContain("message.failed");
    // The opening template never went out, so the original may be used again.
    const [ghost] = await sql<{ state: string }[]>`
      select state from conversations where id = ${continued.conversationId}`;
    expect(ghost?.state).toBe("failed");
    expect(world.graph.ledger.reachedTwice()).toEqual([]);
  });

  it("fails what is too old while it is still stopped, so that somebody sees it", async () => {
    world = await openWorld();
    await world.startSender({ ...LATER, SEND_WAIT_HOURS_MAX: "1" });
    await stop(talkAt(0));
    const [old, young] = await requestSends(world, [{ talk: talkAt(1), ...template }, { talk: talkAt(2) }]);
    await world.sql`update sends set created_at = now() - interval '61 minutes' where id = ${old ?? ""}`;
    await untilState(old, "failed");
    expect((await sendOf(old))?.error).toMatchObject({ class: "lapsed" });
    expect((await sendOf(young))?.state).toBe("waiting");
    expect(await readEventTypes(world.sql, talkAt(1).conversationId)).toEqual(["message.failed"]);
  });
});

describe("C18: a channel gets a new number", () => {
  it("takes what waited along, in its order, past the stop of the old number", async () => {
    world = await openWorld({ channels: 2 });
    const { sql, graph } = world;
    const talk = talkAt(1);
    await sql`update channels set phone_number_id = 'elsewhere' where id = ${talkAt(0).channelId}`;
    await sql`update channels set phone_number_id = '200' where id = ${talk.channelId}`;
    graph.fail({ fault: { kind: "error", code: 33 }, when: (_, { phoneNumberId }) => phoneNumberId === "200" });
    await world.startSender(LATER);
    const before = await requestSends(world, [{ talk }, { talk, ...template }, { talk }]);
    await waitFor(async () => (await sql`select from circuits where state = 'open' and key = '200'`).length === 1, {
      what: "the old number is stopped",
    });
    await sql`update channels set phone_number_id = '201' where id = ${talk.channelId}`;
    const after = await requestSends(world, [{ talk: { ...talk, phoneNumberId: "201" } }]);
    await waitUntilSettled(world);
    const sent = graph.ledger.messages();
    expect(sent.map(({ callbackData }) => callbackData)).toEqual([...before, ...after]);
    expect(new Set(sent.map(({ phoneNumberId }) => phoneNumberId))).toEqual(new Set(["201"]));
    const [row] = await sql<{ number: string }[]>`select distinct phone_number_id as number from sends`;
    expect(row?.number).toBe("201");
  });

  it("fails what waits for a channel that is not there any more", async () => {
    world = await openWorld();
    await world.sql`delete from channels`;
    const [id] = await requestSends(world, [{ talk: talkAt(1) }]);
    await world.startSender();
    await untilState(id, "failed");
    expect((await sendOf(id))?.error?.message).toContain("is not configured any more");
    expect(await readEventTypes(world.sql, talkAt(1).conversationId)).toEqual(["message.failed"]);
  });
});
