import {
  commandSubject,
  commandSubjects,
  OPEN_USER,
  replyPrefix,
  type Actor,
  type CommandReply,
} from "@turno/contracts";
import { Failure, noteUndone } from "@turno/runtime";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { answerCommands, LateFailure, type CommandHandlers, type Connection } from "../src/index.ts";

class AwayFailure extends Failure {}

const VERB = "list-groups";
const INPUT = { actor: { kind: "system" as const } };

/** A responder that owns one command, on a broker of which only the subscription is there. */
function createScene(handle: () => Promise<unknown>) {
  const callbacks = new Map<string, (error: null, message: object) => void>();
  const subscribe = (subject: string, { callback }: { callback: (error: null, message: object) => void }) => {
    callbacks.set(subject, callback);
    return { drain: () => Promise.resolve() };
  };
  const told: string[] = [];
  const asked: string[] = [];
  const request = (subject: string) => {
    asked.push(subject);
    return Promise.resolve({ string: () => JSON.stringify({ ok: true, from: "the broker" }) });
  };
  const connection = { isConnected: true, user: "inbox", nats: { subscribe, request } } as unknown as Connection;
  const responder = answerCommands(connection, {
    service: "router",
    handlers: { [VERB]: handle } as CommandHandlers,
    once: (_command, run) => run(),
    onAnswer: (_verb, outcome) => told.push(outcome),
    onFailure: (_verb, error) => told.push(`failure ${String(error)}`),
    onDefect: (_verb, error) => told.push(`defect ${String(error)}`),
  });
  /** Sends it as a user of the broker, and returns what was answered. */
  const send = async (input: object, { user = OPEN_USER, reply = `${replyPrefix(user)}.1` as string | null } = {}) => {
    const replies: string[] = [];
    const respond = (text: string) => replies.push(text);
    const message = {
      subject: commandSubject(VERB, user),
      reply: reply ?? undefined,
      string: () => JSON.stringify(input),
      respond,
    };
    callbacks.get(commandSubjects(VERB))?.(null, message);
    await responder.stop();
    return replies;
  };
  const askByBroker = async (...args: Parameters<typeof send>) =>
    JSON.parse((await send(...args))[0] ?? "") as CommandReply<typeof VERB>;
  return { responder, told, asked, send, askByBroker };
}

/** Answers one command whose handler throws. */
async function answerWith(thrown: unknown) {
  const { told, askByBroker } = createScene(() => Promise.reject(thrown));
  const reply = await askByBroker(INPUT);
  return { told, replies: "refusal" in reply ? [reply.refusal] : [] };
}

it("answers a failure as what may be sent again where the transaction was undone", async () => {
  const undone = new AwayFailure("away");
  noteUndone(undone);
  const { told, replies } = await answerWith(undone);
  expect(told).toEqual(["failure Error: away", "failed"]);
  expect(replies).toMatchObject([
    { code: "unavailable", message: expect.stringContaining("nothing was changed") as string },
  ]);
});

it("does not say of a failure that nothing was changed where that is not known", async () => {
  const { replies } = await answerWith(new AwayFailure("away"));
  expect(replies).toMatchObject([{ code: "unavailable", message: expect.stringContaining("is not known") as string }]);
});

it.each([
  ["a defect", new TypeError("planted")],
  ["a TypeError of Node's with a code", Object.assign(new TypeError("planted"), { code: "ERR_INVALID_ARG_TYPE" })],
])("answers %s as ours, and does not say that nothing was changed", async (_what, thrown) => {
  const { told, replies } = await answerWith(thrown);
  expect(told).toEqual(["defect TypeError: planted", "defect"]);
  expect(replies).toMatchObject([{ code: "defect", message: expect.stringContaining("is not known") as string }]);
});

it("says that nothing was changed where the transaction was undone with the defect", async () => {
  const undone = new TypeError("planted");
  noteUndone(undone);
  const { replies } = await answerWith(undone);
  expect(replies).toMatchObject([
    { code: "defect", message: expect.stringContaining("Nothing was changed") as string },
  ]);
});

it.each([null, "turno.v1.event.x", "$JS.API.STREAM.UPDATE.INBOUND", "_INBOX.1", "_R.inbox.1", "_R.bot", "_R.botany.1"])(
  "answers nobody at %s, and does not do what was asked",
  async (reply) => {
    const handle = vi.fn<() => Promise<object>>(() => Promise.resolve({ groups: [] }));
    const { told, send } = createScene(handle);
    expect(await send({ actor: { kind: "service", name: "bot" } }, { user: "bot", reply })).toEqual([]);
    expect(handle).not.toHaveBeenCalled();
    expect(told).toEqual(["stray", expect.stringMatching(/^failure Error: the answer to bot would go to /)]);
  },
);

describe("who asks", () => {
  const agent: Actor = { kind: "agent", agentId: "00000000-0000-7000-8000-000000000001" };
  const service = (name: string): Actor => ({ kind: "service", name });
  it.each<[who: string, user: string, actor: Actor]>([
    ["a program", "bot", service("bot")],
    ["a program that no table knows", "stranger", service("stranger")],
    ["the inbox, for its people", "inbox", agent],
    ["the operators' tool", "cli", agent],
    ["the operators' tool", "cli", service("turno-cli")],
  ])("may be %s: %s as %o", async (_who, user, actor) => {
    const { askByBroker } = createScene(() => Promise.resolve({ groups: [] }));
    expect(await askByBroker({ actor }, { user })).toEqual({ ok: true, groups: [] });
  });

  it.each<[who: string, user: string, actor: Actor]>([
    ["a program", "bot", service("router")],
    ["a program", "bot", agent],
    ["a program that no table knows", "stranger", agent],
    ["a program named like a member of every object", "constructor", agent],
    ["the inbox", "inbox", service("bot")],
    ["nobody", "bot", { kind: "system" }],
  ])("is not %s: %s as %o", async (_who, user, actor) => {
    const { told, askByBroker } = createScene(() => Promise.resolve({ groups: [] }));
    const faults = [{ field: "actor", rule: expect.stringContaining(user) as string }];
    expect(await askByBroker({ actor }, { user })).toMatchObject({
      refusal: { code: "not-permitted", details: { faults } },
    });
    expect(told).toEqual(["refused"]);
  });
});

describe("a command that nobody could store is refused before its handler sees it", () => {
  const nest = (depth: number): unknown => (depth === 0 ? 1 : [nest(depth - 1)]);
  const named = (name: string) => ({ actor: { kind: "service", name } });

  it.each<[what: string, input: object, field: string]>([
    ["U+0000", named("a\0b"), "actor.name"],
    ["half a surrogate pair", named("\ud800"), "actor.name"],
    ["U+0000 in the name of a member", { ...INPUT, "a\0": 1 }, "(body)"],
    [
      "a text that has a length which nobody can compare",
      named({ length: { toString: 1 } } as never),
      "actor.name.length",
    ],
    ["more levels than any command", { ...INPUT, more: nest(1_000) }, "more.0.0"],
  ])("for %s", async (_what, input, field) => {
    const { told, askByBroker } = createScene(() => Promise.reject(new Error("the handler was asked")));
    const faults = [{ field: expect.stringContaining(field) as string }];
    expect(await askByBroker(input)).toMatchObject({ refusal: { code: "invalid", details: { faults } } });
    expect(told).toEqual(["refused"]);
  });

  it("and every other text is not", async () => {
    const { askByBroker } = createScene(() => Promise.resolve({ groups: [] }));
    expect(await askByBroker({ ...named("ñ 👋 \ufffd"), more: nest(50) })).toEqual({ ok: true, groups: [] });
  });
});

describe("a command that the process gives itself", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it.each([
    ["an answer", () => Promise.resolve({ groups: [] }), INPUT],
    ["a refusal", () => Promise.resolve({ code: "not-permitted", message: "no" }), INPUT],
    ["what is not valid", () => Promise.resolve({ groups: [] }), { actor: { kind: "nobody" } }],
    ["a failure", () => Promise.reject(new AwayFailure("away")), INPUT],
    ["a defect", () => Promise.reject(new TypeError("planted")), INPUT],
  ])("meets %s as one that came over the broker, and does not go there", async (_what, handle, input) => {
    const { responder, told, asked } = createScene(handle);
    const other = createScene(handle);
    const reply = await responder.request(VERB, input as typeof INPUT, { timeoutMs: 1_000 });
    expect(reply).toEqual(await other.askByBroker(input));
    expect(told).toEqual(other.told);
    expect([told.length > 0, asked, vi.getTimerCount()]).toEqual([true, [], 0]);
  });

  it("fails after its time, and a stop waits for it all the same", async () => {
    const { promise, resolve } = Promise.withResolvers<object>();
    const { responder, told } = createScene(() => promise);
    const asked = responder.request(VERB, INPUT, { timeoutMs: 1_000 }).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await asked).toEqual(new LateFailure("list-groups took longer than 1000 ms"));
    const stopped = responder.stop().then(() => told.push("stopped"));
    await vi.advanceTimersByTimeAsync(1_000);
    resolve({ groups: [] });
    await stopped;
    expect(told).toEqual(["ok", "stopped"]);
  });

  it("goes to the broker where another service owns it", async () => {
    const { responder, asked } = createScene(() => Promise.resolve({}));
    const conversationId = "00000000-0000-7000-8000-000000000000";
    const reply = await responder.request("close", { ...INPUT, conversationId }, { timeoutMs: 1_000 });
    expect([asked, reply]).toEqual([[commandSubject("close", "inbox")], { ok: true, from: "the broker" }]);
  });
});
