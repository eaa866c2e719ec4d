import type { CommandInput } from "@turno/contracts";
import type { Customer } from "@turno/simulator";
import { configureStage, stageAgent, STAGE_GROUP, waitFor } from "@turno/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createMetaStage, type MetaStage } from "./meta-stage.ts";

let world: MetaStage;
let stage: MetaStage["stage"];
let graph: MetaStage["graph"];
let meta: MetaStage["meta"];
let customer: Customer;
beforeAll(async () => {
  world = await createMetaStage((made) => configureStage(made, { agents: 2 }));
  ({ stage, graph, meta } = world);
  customer = world.customers[0] as Customer;
});
beforeEach(() => configureStage(stage, { agents: 2 }));
afterEach(() => stage.clear(["templates"]));
afterAll(() => world.stop());

const setGroup = (rules: object) =>
  stage.command("configure", { groups: [{ id: STAGE_GROUP, name: "Support", countsPresence: false, ...rules }] });

interface Waiting {
  id: string;
  agentId: string;
  waitingSince: Date | null;
}

async function read(): Promise<Waiting> {
  const [row] = await stage.sql<Waiting[]>`
    select id, agent_id as "agentId", waiting_since as "waitingSince" from conversations where state = 'active'`;
  if (row === undefined) throw new Error("nothing is active");
  return row;
}

const received = async () => (await stage.sql`select from messages where direction = 'in'`).length;

/** The customer writes, or says something else, and it takes effect. Returns Meta's time of it. */
async function writes(content?: Record<string, unknown>): Promise<Date> {
  const before = await received();
  if (content !== undefined) await stage.publish([{ id: `wamid.${before}`, userId: customer.userId, content }]);
  else await meta.post([meta.message({ customer, type: "text", text: "hola" })]);
  await waitFor(async () => (await received()) === before + 1, { what: "it took effect" });
  const [row] = await stage.sql<{ sentAt: Date }[]>`
    select sent_at as "sentAt" from messages where direction = 'in' order by received_at desc, id desc limit 1`;
  return row?.sentAt ?? new Date(0);
}

const wamid = async () =>
  (await stage.sql<{ id: string }[]>`select substr(key, 5) as id from messages where direction = 'in' limit 1`)[0]
    ?.id ?? "";

const HEART = { type: "reaction", reaction: { message_id: "wamid.x", emoji: "❤" } };

/** The customer writes, and an agent has it. */
async function opens(): Promise<Date> {
  const sentAt = await writes();
  await waitFor(async () => (await stage.sql`select from conversations where state = 'active'`).length === 1, {
    what: "it is given out",
  });
  return sentAt;
}

async function say(
  message: CommandInput<"send">["message"],
  actor: CommandInput<"send">["actor"] = { kind: "agent", agentId: "" },
): Promise<string> {
  const { id: conversationId, agentId } = await read();
  const asked = actor.kind === "agent" ? { kind: "agent" as const, agentId } : actor;
  const reply = await stage.request("send", { actor: asked, agentId, conversationId, message });
  if (!("ok" in reply)) throw new Error(reply.refusal.message);
  return reply.sendId;
}

const untilState = (sendId: string, ...states: string[]) =>
  waitFor(
    async () => {
      const [row] = await stage.sql<{ state: string }[]>`select state from sends where id = ${sendId}`;
      return states.includes(row?.state ?? "");
    },
    { what: `the message is ${states.join(" or ")}` },
  );

const text = { type: "text" as const, body: "ahora lo miro" };
const TAKEN = ["accepted", "sent", "delivered", "read"];

describe("a customer waits for an answer", () => {
  it("until a person has written and Meta has taken it: no program, reaction, receipt or refused message ends that", async () => {
    await setGroup({ lapsesMax: 0, followUpSeconds: 0, automaticWords: { greeting: { text: "Hola" } } });
    await opens();
    const since = (await read()).waitingSince;
    expect(since).not.toBeNull();
    await waitFor(
      async () =>
        (await stage.sql`select from sends where automatic = 'greeting' and state = any(${TAKEN})`).length === 1,
      { what: "Meta took the greeting" },
    );
    expect((await read()).waitingSince).toEqual(since);

    const bot = { kind: "service" as const, name: "bot" };
    await stage.command("configure", { programs: [{ name: "bot", groupIds: [STAGE_GROUP] }] });
    await untilState(await say(text, bot), ...TAKEN);
    await untilState(await say({ type: "reaction", messageId: await wamid(), emoji: "👍" }), ...TAKEN);
    await untilState(await say({ type: "read", messageId: await wamid(), typing: false }), ...TAKEN);
    const mend = graph.fail({ fault: { kind: "error", code: 131_026 } });
    await untilState(await say(text), "failed");
    mend();
    await writes(HEART);
    expect((await read()).waitingSince).toEqual(since);

    await untilState(await say(text), ...TAKEN);
    expect((await read()).waitingSince).toBeNull();
    await writes(HEART);
    expect((await read()).waitingSince).toBeNull();
    await writes();
    expect((await read()).waitingSince).not.toBeNull();
  }, 90_000);

  it("again when Meta gives the answer back, and still for what came after the answer was asked for", async () => {
    await opens();
    const since = (await read()).waitingSince;
    const mend = graph.fail({ fault: { kind: "failed", code: 131_026 } });
    await untilState(await say(text), "failed");
    mend();
    expect((await read()).waitingSince).toEqual(since);

    const hold = graph.fail({ fault: { kind: "error", code: 130_429 } });
    const held = await say(text);
    await waitFor(
      async () =>
        (await stage.sql`select from sends where id = ${held} and attempt > 0 and state = 'waiting'`).length === 1,
      { what: "the answer is held back" },
    );
    const later = await writes();
    hold();
    await untilState(held, ...TAKEN);
    await waitFor(async () => (await read()).waitingSince?.getTime() === later.getTime(), {
      what: "only the second message waits",
    });
  }, 90_000);

  it("longer than the group allows after the first answer too: it goes to somebody else, not back to the same agent", async () => {
    await setGroup({ answerSeconds: 2 });
    await opens();
    const { agentId } = await read();
    await untilState(await say(text), ...TAKEN);
    await writes();
    const other = [0, 1].map(stageAgent).find((id) => id !== agentId);
    await waitFor(
      async () =>
        (await stage.sql`select from conversations where state = 'active' and agent_id = ${other ?? ""}`).length === 1,
      {
        what: "the other agent has it",
      },
    );
    const [moved] =
      await stage.sql`select data ->> 'reason' as reason from events where type = 'conversation.transferred'`;
    expect(moved).toEqual({ reason: "No answer within 2 s." });
  }, 90_000);

  it("of who is away: the agent keeps it, or it goes to somebody else when the customer writes, as the group chooses", async () => {
    await opens();
    const { agentId } = await read();
    const other = [0, 1].map(stageAgent).find((id) => id !== agentId) ?? "";
    await untilState(await say(text), ...TAKEN);
    await stage.command("set-availability", { agentId, availability: "away" });
    await writes();
    await setGroup({ whenAway: "keep", answerSeconds: 3_600 });
    expect((await read()).agentId).toBe(agentId);
    await setGroup({ whenAway: "customer-writes" });
    await waitFor(async () => (await read().catch(() => null))?.agentId === other, { what: "the other agent has it" });
  }, 90_000);
});
