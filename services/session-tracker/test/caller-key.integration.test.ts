import type { CommandInput } from "@turno/contracts";
import { configureStage, createStage, SERVICE_ACTOR, stageAgent, waitFor, type Stage } from "@turno/testing";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";

let stage: Stage;
let tracker: Awaited<ReturnType<Stage["start"]>>;
let conversationId: string;
beforeAll(async () => {
  stage = await createStage();
  [tracker] = await Promise.all([stage.start("session-tracker"), stage.start("router")]);
  stage.keep();
});
beforeEach(async () => {
  await configureStage(stage, { agents: 1 });
  await stage.publish([{ id: "wamid.1", userId: "US.1" }]);
  conversationId = await waitFor(
    async () =>
      (await stage.sql<{ id: string }[]>`select id from conversations where state = 'active'`)[0]?.id ?? false,
    { what: "the conversation is active" },
  );
});
afterEach(() => stage.clear());
afterAll(() => stage.stop());

const actor = { kind: "agent" as const, agentId: stageAgent(0) };

function send(body: string, key?: string, by: CommandInput<"send">["actor"] = actor, timeoutMs = 10_000) {
  const input = { actor: by, agentId: stageAgent(0), conversationId, message: { type: "text" as const, body } };
  return stage.request("send", input, { timeoutMs, key });
}

const countSends = async () => (await stage.sql`select from sends`).length;

/** Holds every answer back before it is kept, after its effect. Returns what lets go. */
async function holdAnswers(): Promise<() => Promise<void>> {
  const held = Promise.withResolvers<undefined>();
  const begun = Promise.withResolvers<undefined>();
  const holding = stage.sql.begin(async (tx) => {
    await tx`lock table command_answers in exclusive mode`;
    begun.resolve(undefined);
    await held.promise;
  });
  await begun.promise;
  return async () => {
    held.resolve(undefined);
    await holding;
  };
}

const waitUntilHeld = () =>
  waitFor(
    async () =>
      (await stage.sql`select from pg_locks where relation = 'command_answers'::regclass and not granted`).length > 0,
    { what: "an answer is held back" },
  );

it("sends once for one key, and gives a repetition the first answer", async () => {
  const first = await send("hola", "k1");
  expect(first).toMatchObject({ ok: true, conversationId });
  expect(await send("hola", "k1")).toEqual(first);
  expect(await countSends()).toBe(1);
  expect(await send("hola", "k2")).not.toEqual(first);
  expect(await send("hola")).not.toEqual(first);
  expect(await countSends()).toBe(3);
});

it("refuses another message under the same key, and a key that is none", async () => {
  await send("hola", "k1");
  expect(await send("adiós", "k1")).toMatchObject({ refusal: { code: "key-reused" } });
  expect(await send("hola", "with space")).toMatchObject({ refusal: { code: "invalid" } });
  expect(await countSends()).toBe(1);
});

it("keeps the keys of two askers apart", async () => {
  await send("hola", "k1");
  expect(await send("otra", "k1", SERVICE_ACTOR)).toMatchObject({ ok: true });
  expect(await countSends()).toBe(2);
});

it("gives a repetition of a refusal the same refusal, though it would be done by now", async () => {
  await stage.sql`update conversations set session_ends_at = now() - interval '1 minute'`;
  const refused = await send("hola", "k1");
  expect(refused).toMatchObject({ refusal: { code: "session-over" } });
  await stage.sql`update conversations set session_ends_at = now() + interval '1 day'`;
  expect(await send("hola", "k1")).toEqual(refused);
  expect(await countSends()).toBe(0);
});

it("sends once, however many ask under one key at the same instant", async () => {
  const replies = await Promise.all(Array.from({ length: 12 }, () => send("hola", "k1")));
  const answers = replies.filter((reply) => !("refusal" in reply));
  expect(answers.length).toBeGreaterThan(0);
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  const codes = replies.flatMap((reply) => ("refusal" in reply ? [reply.refusal.code] : []));
  expect(codes.filter((code) => code !== "key-under-way")).toEqual([]);
  expect(await countSends()).toBe(1);
  expect(await send("hola", "k1")).toEqual(answers[0]);
});

it("says that it is under way to who repeats too early", async () => {
  const letGo = await holdAnswers();
  const first = send("hola", "k1");
  await waitUntilHeld();
  expect(await send("hola", "k1")).toMatchObject({ refusal: { code: "key-under-way" } });
  await letGo();
  const answered = await first;
  expect(await send("hola", "k1")).toEqual(answered);
  expect(await countSends()).toBe(1);
});

it("keeps an answer for a day, and tidies it with a later one", async () => {
  await send("hola", "old");
  await stage.sql`update command_answers set answered_at = now() - interval '23 hours'`;
  await send("hola", "k2");
  expect(await stage.sql`select key from command_answers order by key`).toEqual([{ key: "k2" }, { key: "old" }]);
  await stage.sql`update command_answers set answered_at = now() - interval '25 hours' where key = 'old'`;
  await send("hola", "k3");
  expect(await stage.sql`select key from command_answers order by key`).toEqual([{ key: "k2" }, { key: "k3" }]);
});

// It comes last, because it kills what the others share.
it("keeps effect and answer together where the process dies between them: the repetition sends once", async () => {
  const letGo = await holdAnswers();
  const lost = send("hola", "k1", actor, 5_000).then(
    () => "answered",
    () => "lost",
  );
  await waitUntilHeld();
  await tracker.kill("SIGKILL");
  await letGo();
  const other = await stage.start("session-tracker");
  const again = await send("hola", "k1");
  expect(again).toMatchObject({ ok: true });
  expect(await countSends()).toBe(1);
  await other.kill("SIGKILL");
  expect(await lost).toBe("lost");
});
