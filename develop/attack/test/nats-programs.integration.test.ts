import {
  commandSubject,
  replyPrefix,
  STREAMS,
  type CommandInput,
  type CommandVerb,
  type NatsUser,
} from "@turno/contracts";
import { connectToNats, readLogEnd, requestCommand, type Connection } from "@turno/messaging";
import { configureStage, createStage, stageAgent, STAGE_GROUP, waitFor, type Stage } from "@turno/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OTHER_GROUP, prepareOtherGroup, readAllTables, type TriedVerb, type Tries } from "./other-group.ts";

/** Somebody holds the password of one program, and talks with the broker by hand. */
let stage: Stage;
let bot: Connection;
let trackerUrl: string;
let conversationId: string;
let tries: Tries;
const refusedByBroker: string[] = [];

beforeAll(async () => {
  stage = await createStage();
  // Nothing listens there: nothing is sent.
  const graph = { GRAPH_URL: "http://127.0.0.1:9", WHATSAPP_ACCESS_TOKEN: "token" };
  const [tracker] = await Promise.all([
    stage.start("session-tracker"),
    stage.start("router"),
    stage.start("inbox"),
    stage.start("sender", graph),
  ]);
  trackerUrl = tracker.url;
  await configureStage(stage, { agents: 2 });
  tries = await prepareOtherGroup(stage);
  await stage.publish([{ id: "wamid.1", userId: "US.1" }]);
  conversationId = await waitFor(
    async () =>
      (
        await stage.sql<
          { id: string }[]
        >`select id from conversations where state = 'active' and group_id = ${STAGE_GROUP}`
      )[0]?.id,
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
    expect(groups.groups).toHaveLength(2);
  });
});

const NOWHERE = "The program bot may act in no group: an admin names its groups with `configure`.";
const ELSEWHERE = "The program bot may not do this: it acts only in its groups, which an admin names with `configure`.";

describe("a program in a group that is not its own", () => {
  /** Tries every verb as the bot, also those that the broker keeps from it: as the operators' tool, which may name anybody. */
  const tryAll = async () => {
    const cli = await connectAs("cli");
    const told = await Promise.all(
      Object.entries(tries).map(async ([verb, input]) => {
        const asked = { ...input, actor: itself("bot") } as CommandInput<CommandVerb>;
        const reply = await requestCommand(cli, verb as CommandVerb, asked);
        return [verb, "refusal" in reply ? reply.refusal.message : reply] as const;
      }),
    );
    await cli.close();
    return Object.fromEntries(told);
  };
  const allTold = (sentence: string, otherwise: Partial<Record<TriedVerb, unknown>>) => ({
    ...Object.fromEntries(Object.keys(tries).map((verb) => [verb, sentence])),
    ...otherwise,
  });

  it("does nothing by any verb, and learns of its own groups alone", async () => {
    const before = await readAllTables(stage);
    const unseen = expect.stringMatching(/^There is no ticket .* that you may see\.$/);
    expect(await tryAll()).toEqual(
      allTold(ELSEWHERE, {
        "list-groups": { ok: true, groups: [expect.objectContaining({ id: STAGE_GROUP })] },
        "list-contact-conflicts": { ok: true, conflicts: [] },
        "list-circuits": { ok: true, circuits: [] },
        "search-tickets": { ok: true, tickets: [], nextBeforeNumber: null },
        "read-ticket": unseen,
        "read-ticket-action": unseen,
        "edit-ticket": unseen,
        "complete-ticket-action": unseen,
      }),
    );
    expect(await readAllTables(stage)).toEqual(before);
  });

  it("is told so where it asks itself, and speaks for nobody who may: not for an agent of that group, a service or another program", async () => {
    const before = await readAllTables(stage);
    const { send: sending, "propose-ticket-link": proposal } = tries;
    const ask = async (actor: CommandInput<"send">["actor"]) => [
      await requestCommand(bot, "send", { ...sending, actor }),
      await requestCommand(bot, "propose-ticket-link", { ...proposal, actor }),
    ];
    const others = ["cli", "router", "developer", "observer"].map(itself);
    for (const actor of [...others, { kind: "agent" as const, agentId: stageAgent(2) }]) {
      const refusal = { code: "not-permitted", details: { faults: [{ field: "actor" }] } };
      expect(await ask(actor)).toMatchObject([{ refusal }, { refusal }]);
    }
    const refusal = { code: "not-permitted", message: ELSEWHERE };
    expect(await ask(itself("bot"))).toEqual([{ refusal }, { refusal }]);
    expect(await readAllTables(stage)).toEqual(before);
  });

  it("has a name that Postgres can be asked for, also where somebody else names it", async () => {
    const cli = await connectAs("cli");
    for (const name of ["\u0000", "b\ud800t"]) {
      const reply = await requestCommand(cli, "list-groups", { actor: itself(name) });
      expect(reply).toMatchObject({ refusal: { code: "invalid", details: { faults: [{ field: "actor.name" }] } } });
    }
    await cli.close();
  });

  it("does nothing anywhere once its groups are taken from it, and acts there again when an admin names it", async () => {
    const name = (groupIds: string[]) => stage.command("configure", { programs: [{ name: "bot", groupIds }] });
    await name([]);
    const before = await readAllTables(stage);
    expect(await tryAll()).toEqual(allTold(NOWHERE, { "list-groups": { ok: true, groups: [] } }));
    expect(await requestCommand(bot, "send", send(itself("bot")))).toMatchObject({ refusal: { message: NOWHERE } });
    expect(await readAllTables(stage)).toEqual(before);
    await name([OTHER_GROUP]);
    const sending = { ...tries.send, actor: itself("bot") };
    expect(await requestCommand(bot, "send", sending)).toMatchObject({ ok: true });
    expect(await requestCommand(bot, "send", send(itself("bot")))).toMatchObject({ refusal: { message: ELSEWHERE } });
  });
});
