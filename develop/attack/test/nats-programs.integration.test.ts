import { commandSubject, replyPrefix, STREAMS, type CommandInput, type NatsUser } from "@turno/contracts";
import { connectToNats, readLogEnd, requestCommand, type Connection } from "@turno/messaging";
import { configureStage, createStage, stageAgent, STAGE_GROUP, waitFor, type Stage } from "@turno/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** Somebody holds the password of one program, and talks with the broker by hand. */
let stage: Stage;
let bot: Connection;
let trackerUrl: string;
let conversationId: string;
const refusedByBroker: string[] = [];

beforeAll(async () => {
  stage = await createStage();
  const [tracker] = await Promise.all([stage.start("session-tracker"), stage.start("router")]);
  trackerUrl = tracker.url;
  await configureStage(stage, { agents: 2 });
  await stage.publish([{ id: "wamid.1", userId: "US.1" }]);
  conversationId = await waitFor(
    async () => (await stage.sql<{ id: string }[]>`select id from conversations where state = 'active'`)[0]?.id,
    { what: "a conversation is active" },
  );
  // Nothing else is written to the logs from here on.
  await waitFor(async () => (await stage.sql`select from outbox limit 1`).length === 0, {
    what: "all events are published",
  });
  bot = await connectAs("bot");
  bot.onPublishRefused((subject) => refusedByBroker.push(subject));
});
afterAll(async () => {
  await bot.close();
  await stage.stop();
});

const connectAs = (user: NatsUser) => connectToNats({ url: stage.nats.urlOf(user), name: "attack" });
const itself = (name: string) => ({ kind: "service" as const, name });
const message = { type: "text" as const, body: "hola" };
const send = (actor: CommandInput<"send">["actor"]): CommandInput<"send"> => ({
  actor,
  agentId: stageAgent(0),
  conversationId,
  message,
});

const ends = async () => {
  const logs = await Promise.all(Object.values(STREAMS).map((stream) => readLogEnd(stage.connection, stream)));
  return logs.map(({ lastSequence }) => lastSequence);
};
const countSends = async () => (await stage.sql`select from sends`).length;
/** Commands that the session tracker has left out because of where their answer would go. */
const countStray = async () => {
  const text = await (await fetch(`${trackerUrl}/metrics`)).text();
  return Number(/_commands_total\{.*outcome="stray".*\} (\d+)/.exec(text)?.[1] ?? 0);
};

describe("a program whose password is known to somebody else", () => {
  it.each([
    "turno.v1.event.conversation.closed.123.1",
    "turno.v1.inbound.message.0",
    "$JS.API.STREAM.UPDATE.INBOUND",
    "$JS.API.STREAM.DELETE.EVENTS",
    "turno.v1.command.configure.cli",
    `${replyPrefix("inbox")}.1`,
    replyPrefix("bot"),
  ])("has no answer published to %s: the service leaves its command out", async (reply) => {
    const [before, sends] = [await ends(), await countSends()];
    const stray = await countStray();
    bot.nats.publish(commandSubject("send", "bot"), JSON.stringify(send(itself("bot"))), { reply });
    await waitFor(async () => (await countStray()) > stray, { what: "it is left out" });
    expect([await ends(), await countSends()]).toEqual([before, sends]);
  });

  it("speaks for nobody else: not for an agent, and not for another service", async () => {
    for (const actor of [{ kind: "agent" as const, agentId: stageAgent(0) }, itself("inbox"), itself("cli")]) {
      expect(await requestCommand(bot, "send", send(actor))).toMatchObject({
        refusal: { code: "not-permitted", details: { faults: [{ field: "actor" }] } },
      });
    }
    expect(await countSends()).toBe(0);
    expect(await requestCommand(bot, "send", send(itself("bot")))).toMatchObject({ ok: true });
  });

  it("sends nothing under another user's name: the broker refuses it", async () => {
    for (const user of ["cli", "inbox", "router"]) {
      const subject = commandSubject("send", user);
      bot.nats.publish(subject, JSON.stringify(send(itself(user))), { reply: `${replyPrefix("bot")}.1` });
      await waitFor(() => refusedByBroker.includes(subject), { what: `${subject} is refused` });
    }
  });

  it("sends no command that is not its own: the broker refuses it", async () => {
    const subject = commandSubject("configure", "bot");
    const input = {
      actor: itself("bot"),
      agents: [{ id: stageAgent(0), name: "Me", role: "admin", groupIds: [STAGE_GROUP] }],
    };
    bot.nats.publish(subject, JSON.stringify(input), { reply: `${replyPrefix("bot")}.1` });
    await waitFor(() => refusedByBroker.includes(subject), { what: "it is refused" });
    const [agent] = await stage.sql<{ role: string }[]>`select role from agents where id = ${stageAgent(0)}`;
    expect(agent?.role).toBe("agent");
  });

  // JetStream publishes its answers to any reply subject. Decision 0058 says why that stays.
  it("has JetStream write into the logs, and nothing stands still for it: what is no event or line of ours is passed over", async () => {
    const targets = [
      "turno.v1.event.conversation.closed.123.1",
      "turno.v1.inbound.message.0",
      "turno.v1.command.configure.cli",
    ];
    const before = await ends();
    for (const reply of targets) {
      bot.nats.publish("$JS.API.CONSUMER.INFO.EVENTS.bot", "", { reply });
      bot.nats.publish("$JS.API.CONSUMER.MSG.NEXT.EVENTS.bot", JSON.stringify({ batch: 5, no_wait: true }), { reply });
    }
    await waitFor(async () => (await ends()).every((end, index) => end > (before[index] ?? 0)), {
      what: "both logs hold what JetStream wrote",
    });
    await stage.publish([{ id: "wamid.after", userId: "US.2" }]);
    await waitFor(async () => (await stage.sql`select from messages where key = 'msg:wamid.after'`).length === 1, {
      what: "the next message takes effect",
    });
    await waitFor(async () => (await stage.sql`select from outbox limit 1`).length === 0, {
      what: "its events are published",
    });
    const groups = await stage.command("list-groups", {});
    expect(groups.groups).toHaveLength(1);
  });
});
