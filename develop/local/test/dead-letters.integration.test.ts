import { encodeInboundRecord, inboundSubject, partitionOf } from "@turno/contracts";
import { createPublisher } from "@turno/messaging";
import { configureStage, createStage, SERVICE_ACTOR, waitFor, type Stage } from "@turno/testing";
import { afterEach, beforeEach, expect, it } from "vitest";

let stage: Stage;
beforeEach(async () => {
  stage = await createStage();
});
afterEach(() => stage.stop());

const startSender = () =>
  // No call leaves: nothing is sent here.
  stage.start("sender", { GRAPH_URL: "http://127.0.0.1:8079", WHATSAPP_ACCESS_TOKEN: "token" });

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
