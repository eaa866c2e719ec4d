import { encodeInboundRecord, inboundSubject, partitionOf } from "@turno/contracts";
import { createPublisher } from "@turno/messaging";
import { configureStage, createStage, SERVICE_ACTOR, STAGE_GROUP, stageId, waitFor, type Stage } from "@turno/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import { runTurno } from "./fixtures/run-turno.ts";

let stage: Stage;
beforeEach(async () => {
  stage = await createStage();
});
afterEach(() => stage.stop());

const startSender = () =>
  // No call leaves: nothing is sent here.
  stage.start("sender", { GRAPH_URL: "http://127.0.0.1:8079", WHATSAPP_ACCESS_TOKEN: "token" });

const turno = (...args: string[]) => runTurno(stage.environment.NATS_URL, args);

const waitingStatuses = async () =>
  (await stage.sql<{ key: string }[]>`select key from waiting_statuses order by key`).map(({ key }) => key);
const listLetters = async () => (await stage.command("list-dead-letters", {})).deadLetters;

/** Puts delivery statuses of unknown messages into the log, as a gateway does. */
async function publishStatuses(wamids: readonly string[]): Promise<void> {
  const lines = wamids.map((wamid) => {
    const line = {
      key: `st:${wamid}:sent`,
      field: "messages",
      accountId: "100",
      metadata: { phone_number_id: "123" },
      contacts: [],
      update: { id: wamid, status: "sent", timestamp: String(Math.floor(Date.now() / 1000)) },
      receivedAt: new Date().toISOString(),
    };
    return { json: JSON.stringify(line), partition: partitionOf(`message:${wamid}`) };
  });
  const { payload, headers } = encodeInboundRecord(lines);
  const publisher = createPublisher(stage.connection);
  await publisher.publish(inboundSubject("status"), payload, { headers, timeoutMs: 5_000 });
  publisher.close();
}

it("are listed page by page and by cause, each with what is in it, and retried in order", async () => {
  await stage.start("router");
  await configureStage(stage, { agents: 1 });
  const lost = Array.from({ length: 7 }, (_, index) => ({ id: `lost.${index}`, userId: "US.1", phoneNumberId: "999" }));
  await stage.publish(lost, 1);
  await stage.publish([{ id: "odd", userId: "US.2", content: { type: "text", timestamp: "never" } }]);
  await waitFor(async () => (await listLetters()).length === 8, { what: "eight are set aside" });
  const first = await stage.command("list-dead-letters", { limit: 5 });
  const second = await stage.command("list-dead-letters", { limit: 5, after: first.next ?? "" });
  expect([first.total, first.deadLetters.length, second.deadLetters.length, second.next]).toEqual([8, 5, 3, null]);
  expect(first.causes).toMatchObject([
    { cause: expect.stringMatching(/^unknown-channel/) as string, count: 7 },
    { count: 1 },
  ]);
  const unknown = await stage.command("list-dead-letters", { cause: "unknown-channel" });
  expect(unknown).toMatchObject({ total: 7, next: null });
  expect(unknown.deadLetters.map(({ key }) => key)).toEqual(lost.map(({ id }) => `msg:${id}`));
  expect(JSON.parse(unknown.deadLetters[0]?.line ?? "")).toMatchObject({ update: { id: "lost.0" } });

  const channel = { id: stageId(3, 1), phoneNumberId: "999", accountId: "100", name: "Other", groupId: STAGE_GROUP };
  await stage.command("configure", { channels: [channel] });
  const retried = await turno("dead-letters", "retry-all", "--cause", "unknown-channel");
  expect(retried).toContain("7 of 7 have taken effect.");
  const order = await stage.sql<{ key: string }[]>`select key from messages order by id`;
  expect(order.map(({ key }) => key)).toEqual(lost.map(({ id }) => `msg:${id}`));
  expect(await stage.command("list-dead-letters", {})).toMatchObject({ total: 1, causes: [{ count: 1 }] });
}, 120_000);

it("the command that retries a message's letter retries a status's too: the sender does it, and nobody else", async () => {
  await stage.start("router");
  const sender = await startSender();
  await configureStage(stage, { agents: 1 });
  await stage.sql`alter table waiting_statuses add constraint test_check check (wamid <> 'b')`;
  await publishStatuses(["a", "b", "c"]);
  await stage.publish([{ id: "lost", userId: "US.1", phoneNumberId: "999" }]);
  await waitFor(async () => (await listLetters()).length === 2, { what: "two are set aside", timeoutMs: 30_000 });
  expect(await waitingStatuses()).toEqual(["st:a:sent", "st:c:sent"]);
  const letterOf = async (key: string) => {
    const letter = (await listLetters()).find((one) => one.key === key);
    if (letter === undefined) throw new Error(`no letter ${key}`);
    return letter;
  };
  const retry = async () => stage.command("retry-dead-letter", { id: (await letterOf("st:b:sent")).id });
  const cause = expect.stringContaining("test_check") as string;
  expect(await letterOf("st:b:sent")).toMatchObject({ cause });
  expect(await retry()).toMatchObject({ applied: false, cause });

  // The sender is no reader of messages.
  const lost = await letterOf("msg:lost");
  const foreign = await stage.request("retry-status", { actor: SERVICE_ACTOR, id: lost.id });
  expect(foreign).toMatchObject({ refusal: { code: "not-found" } });
  expect(await letterOf("msg:lost")).toEqual(lost);

  await stage.sql`alter table waiting_statuses drop constraint test_check`;
  await sender.stop();
  const { id } = await letterOf("st:b:sent");
  const unanswered = await stage.request("retry-dead-letter", { actor: SERVICE_ACTOR, id });
  expect(unanswered).toMatchObject({ refusal: { code: "unavailable" } });
  await startSender();
  await waitFor(async () => "ok" in (await stage.request("retry-dead-letter", { actor: SERVICE_ACTOR, id })), {
    what: "the sender hears it",
    timeoutMs: 30_000,
  });
  expect(await waitingStatuses()).toEqual(["st:a:sent", "st:b:sent", "st:c:sent"]);
  expect(await listLetters()).toMatchObject([{ key: "msg:lost" }]);
  expect(await stage.sql`select from observations`).toHaveLength(0);
}, 120_000);
