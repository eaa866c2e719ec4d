import type { Update } from "@turno/simulator";
import { waitFor } from "@turno/testing";
import { afterEach, describe, expect, it } from "vitest";
import { createCircuitSteps, LATER, template } from "./fixtures/circuits.ts";
import { shareGround, readEventTypes, requestSends, waitUntilSettled, type SenderWorld } from "./fixtures/world.ts";

const openWorld = shareGround();
let world: SenderWorld;
afterEach(() => world?.close());

const { untilState, sendOf, talkAt, untilStopped, reset } = createCircuitSteps(() => world);

const secondsAgo = (seconds: number) => Math.floor(Date.now() / 1_000) - seconds;

/** Posts a status of a message as Meta does. */
async function postStatus(item: Record<string, string | number | object>): Promise<void> {
  const channel = world.simulator.channels[0];
  if (channel === undefined) throw new Error("no channel");
  const update = { id: JSON.stringify(item), kind: "status", field: "messages", list: "statuses", item, channel };
  await world.simulator.post([update as unknown as Update]);
}

const readNotes = () => world.sql<{ key: string; sentAt: Date; conversationId: string; payload: unknown }[]>`
  select key, sent_at as "sentAt", conversation_id as "conversationId", payload from messages
  where kind = 'payment' order by sent_at, key`;

describe("C05: the status of a payment", () => {
  it("leaves the delivery as it is, and becomes an event and a note, each once, by Meta's time", async () => {
    world = await openWorld({ graph: { statuses: { readShare: 0 } } });
    await world.startSender();
    const talk = talkAt(1);
    const payment = { reference_id: "R-1", amount: { value: 2_150, offset: 100 }, currency: "INR" };
    const [id = ""] = await requestSends(world, [{ talk }]);
    await untilState(id, "delivered");
    const { wamid } = (await sendOf(id)) ?? {};
    if (typeof wamid !== "string") throw new Error("the message has no id of Meta's");
    const status = { id: wamid, status: "pending", type: "payment", payment };
    const failed = { ...status, status: "failed", timestamp: secondsAgo(60) };
    await postStatus(failed);
    await postStatus({ ...status, status: "captured", timestamp: secondsAgo(30) });
    await waitFor(async () => (await readNotes()).length === 2, { what: "both are noted" });
    // Meta repeats itself, and says the same in another POST.
    await postStatus({ ...failed, recipient_id: "1" });
    await postStatus({ id: wamid, status: "read", timestamp: secondsAgo(1) });
    await untilState(id, "read");
    const notes = await readNotes();
    expect(notes.map(({ key }) => key)).toEqual([`st:${wamid}:payment:failed`, `st:${wamid}:payment:captured`]);
    expect(new Set(notes.map(({ conversationId }) => conversationId))).toEqual(new Set([talk.conversationId]));
    expect(notes[0]?.sentAt.getTime()).toBe(failed.timestamp * 1_000);
    const types = await readEventTypes(world.sql, talk.conversationId);
    expect(types.filter((type) => type === "payment.reported")).toHaveLength(2);
    expect(types).not.toContain("message.failed");
    const [event] = await world.sql<{ data: object; content: { payment: unknown } }[]>`
      select data, payload as content from events join messages on messages.id = message_id
      where type = 'payment.reported' order by events.sequence limit 1`;
    expect(event).toMatchObject({ data: { sendId: id, wamid, status: "failed" }, content: { payment } });
  });

  it("waits for its message where that is not known yet", async () => {
    world = await openWorld({ graph: { statuses: { neverShare: 1 } } });
    world.graph.fail({ fault: { kind: "no-answer", accepts: true }, times: 1 });
    await world.startSender();
    const [id = ""] = await requestSends(world, [{ talk: talkAt(1) }]);
    await untilState(id, "unknown");
    const wamid = world.graph.ledger.messages()[0]?.wamid ?? "";
    await postStatus({ id: wamid, type: "payment", status: "pending", timestamp: secondsAgo(5) });
    await waitFor(async () => (await world.sql`select from waiting_statuses`).length === 1, { what: "it waits" });
    expect(await readNotes()).toEqual([]);
    await postStatus({ id: wamid, status: "sent", timestamp: secondsAgo(4), biz_opaque_callback_data: id });
    await untilState(id, "sent");
    expect((await readNotes()).map(({ key }) => key)).toEqual([`st:${wamid}:payment:pending`]);
    const told = ["message.unconfirmed", "message.sent", "payment.reported"];
    expect(await readEventTypes(world.sql, talkAt(1).conversationId)).toEqual(told);
  });
});

describe("C15: a template that Meta holds back to assess its quality", () => {
  it("is held and not accepted, and may still be sent or fail: then its opening has failed", async () => {
    world = await openWorld({ customers: 3 });
    world.graph.fail({ fault: { kind: "paced", messageStatus: "held_for_quality_assessment" } });
    await world.startSender();
    const ids = await requestSends(world, [
      { talk: talkAt(1), ...template },
      { talk: talkAt(2), ...template },
    ]);
    await waitUntilSettled(world);
    const held = await world.sql<{ state: string; isHeld: boolean }[]>`select state, is_held as "isHeld" from sends`;
    expect(held).toEqual(ids.map(() => ({ state: "accepted", isHeld: true })));
    expect(await readEventTypes(world.sql, talkAt(1).conversationId)).toEqual(["message.held"]);
    const [sent, dropped] = await Promise.all(ids.map(async (id) => (await sendOf(id))?.wamid ?? ""));
    await postStatus({ id: sent ?? "", status: "sent", timestamp: secondsAgo(0) });
    const errors = [{ code: 132015, title: "Template is Paused" }];
    await postStatus({ id: dropped ?? "", status: "failed", timestamp: secondsAgo(0), errors });
    await untilState(ids[0], "sent");
    await untilState(ids[1], "failed");
    expect(await readEventTypes(world.sql, talkAt(1).conversationId)).toEqual(["message.held", "message.sent"]);
    expect(await readEventTypes(world.sql, talkAt(2).conversationId)).toEqual(["message.held", "message.failed"]);
  });
});

const readChoice = async (contactId: string) =>
  (
    await world.sql<{ isStopped: boolean; saidAt: Date | null }[]>`
      select marketing_is_stopped as "isStopped", marketing_said_at as "saidAt" from contacts where id = ${contactId}`
  )[0];

const listRead = () =>
  waitFor(async () => (await world.sql`select from templates`).length > 0, { what: "the templates are read" });

describe("C26: a customer's stop of marketing messages", () => {
  it("is asked again when a template that waited is claimed: it fails with since when; utility and others go out", async () => {
    world = await openWorld({ customers: 4 });
    await world.startSender(LATER);
    await listRead();
    const lift = world.graph.fail({ fault: { kind: "error", code: 131031 } });
    const [first = ""] = await requestSends(world, [{ talk: talkAt(0) }]);
    const circuit = await untilStopped("account");
    const utility = { kind: "template", body: { type: "template", template: UTILITY } };
    const ids = await requestSends(world, [
      { talk: talkAt(1), ...template },
      { talk: talkAt(2), ...utility },
      { talk: talkAt(3), ...template },
    ]);
    const saidAt = new Date(secondsAgo(20) * 1_000);
    await world.sql`
      update contacts set marketing_is_stopped = true, marketing_said_at = ${saidAt}
      where id = any(${[talkAt(1).contactId, talkAt(2).contactId]})`;
    lift();
    await reset(circuit);
    await waitUntilSettled(world);
    const [stopped, allowed, other] = await Promise.all(ids.map(sendOf));
    expect(stopped).toMatchObject({ state: "failed", attempt: 0, error: { class: "lapsed" } });
    expect(stopped?.error?.message).toContain(`wants no marketing messages since ${saidAt.toISOString()}`);
    expect([allowed?.state, other?.state, (await sendOf(first))?.state]).not.toContain("failed");
    expect(await readEventTypes(world.sql, talkAt(1).conversationId)).toEqual(["message.failed"]);
  });

  it("is learned from Meta's refusal 131050, as of the failure: a later resume undoes it, older news changes nothing", async () => {
    world = await openWorld({ customers: 4 });
    world.graph.fail({ fault: { kind: "failed", code: 131050 }, when: (_, { customer }) => customer?.index === 2 });
    world.graph.fail({ fault: { kind: "error", code: 131050 } });
    await world.startSender();
    await listRead();
    const [later, answered, byStatus] = [talkAt(0), talkAt(1), talkAt(2)];
    const resumedAt = new Date(Date.now() + 3_600_000);
    await world.sql`update contacts set marketing_said_at = ${resumedAt} where id = ${later.contactId}`;
    const before = secondsAgo(0) * 1_000;
    const ids = await requestSends(
      world,
      [later, answered, byStatus].map((talk) => ({ talk, ...template })),
    );
    await waitUntilSettled(world);
    await Promise.all(ids.map((id) => untilState(id, "failed")));
    for (const { contactId } of [answered, byStatus]) {
      const choice = await readChoice(contactId);
      expect(choice?.isStopped).toBe(true);
      expect(choice?.saidAt?.getTime()).toBeGreaterThanOrEqual(before);
    }
    expect(await readChoice(later.contactId)).toEqual({ isStopped: false, saidAt: resumedAt });
    expect((await readChoice(talkAt(3).contactId))?.isStopped).toBe(false);
  });
});

const UTILITY = {
  name: "retomar_conversacion",
  language: { code: "es_MX" },
  components: [{ type: "body", parameters: ["Ana", "7"].map((text) => ({ type: "text", text })) }],
};
