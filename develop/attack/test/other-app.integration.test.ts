import { signBody } from "@turno/simulator";
import { configureStage, createStage, stageAgent, STAGE_GROUP, stageId, waitFor, type Stage } from "@turno/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

/** Two Meta apps, each for a business account with one number. Somebody holds the secret of `theirs`. */
const OURS = { key: "ours", secret: "secret-of-ours", accountId: "100", phoneNumberId: "123" };
const THEIRS = { key: "theirs", secret: "secret-of-theirs", accountId: "200", phoneNumberId: "456" };
const APPS = Object.fromEntries(
  [OURS, THEIRS].map(({ key, secret, accountId }) => [
    key,
    { secrets: [secret], verifyTokens: [`token-of-${key}`], accounts: [accountId] },
  ]),
);

let stage: Stage;
let gatewayUrl: string;
beforeAll(async () => {
  stage = await createStage();
  const [gateway] = await Promise.all([
    stage.start("gateway", { WHATSAPP_APPS: JSON.stringify(APPS) }),
    stage.start("router"),
    stage.start("session-tracker"),
    stage.start("sender", { GRAPH_URL: "http://127.0.0.1:9", WHATSAPP_ACCESS_TOKEN: "token-of-this-test" }),
  ]);
  gatewayUrl = gateway.url;
  stage.keep();
});
beforeEach(async () => {
  await configureStage(stage, { agents: 1 });
  const { phoneNumberId, accountId } = THEIRS;
  await stage.command("configure", {
    channels: [{ id: stageId(3, 1), phoneNumberId, accountId, name: "Theirs", groupId: STAGE_GROUP }],
  });
});
afterEach(() => stage.clear());
afterAll(() => stage.stop());

interface Value {
  accountId: string;
  phoneNumberId: string;
  members: object;
}

/** Posts what `theirs` signed, and expects the gateway to keep it. */
async function postSigned({ accountId, phoneNumberId, members }: Value): Promise<void> {
  const metadata = { display_phone_number: "0", phone_number_id: phoneNumberId };
  const change = { field: "messages", value: { messaging_product: "whatsapp", metadata, ...members } };
  const body = JSON.stringify({ object: "whatsapp_business_account", entry: [{ id: accountId, changes: [change] }] });
  const headers = { "content-type": "application/json", "x-hub-signature-256": signBody(body, THEIRS.secret) };
  const answer = await fetch(`${gatewayUrl}/webhooks/whatsapp/${THEIRS.key}`, { method: "POST", body, headers });
  expect(answer.status).toBe(200);
}

const seconds = () => String(Math.floor(Date.now() / 1_000));
const messageOf = (id: string) => ({
  messages: [{ from: "34600000001", id, timestamp: seconds(), type: "text", text: { body: "hola" } }],
});
const areThere = async (key: string) => (await stage.sql`select from messages where key = ${key}`).length === 1;
const causes = async () => (await stage.command("list-dead-letters", {})).deadLetters.map(({ cause }) => cause);

describe("who holds one app's secret", () => {
  it("writes no message for another app's account: the gateway keeps it without effect", async () => {
    await postSigned({ ...OURS, members: messageOf("wamid.forged") });
    await postSigned({ ...THEIRS, members: messageOf("wamid.own") });
    await waitFor(() => areThere("msg:wamid.own"), { what: "its own message takes effect" });
    expect(await areThere("msg:wamid.forged")).toBe(false);
    expect(await causes()).toEqual([]);
  });

  it("writes no message for another account's number under its own account: the router sets it aside", async () => {
    const { accountId } = THEIRS;
    await postSigned({ accountId, phoneNumberId: OURS.phoneNumberId, members: messageOf("wamid.forged") });
    await waitFor(async () => (await causes()).length === 1, { what: "it is set aside" });
    expect(await causes()).toEqual([expect.stringMatching(/^another-account: /)]);
    expect(await stage.sql`select from conversations`).toEqual([]);
  });

  it.each([OURS.phoneNumberId, THEIRS.phoneNumberId])(
    "stops nobody's sending by a forged status of number %s: the sender sets it aside",
    async (phoneNumberId) => {
      await stage.publish([{ id: "wamid.1", userId: "US.1" }]);
      const conversation = await waitFor(
        async () => (await stage.sql<{ id: string }[]>`select id from conversations where state = 'active'`)[0],
        { what: "a conversation is active" },
      );
      const { sendId } = await stage.command("send", {
        agentId: stageAgent(0),
        conversationId: conversation.id,
        message: { type: "text", body: "hola", previewUrl: false },
      });
      const status = {
        id: "wamid.guessed",
        status: "failed",
        timestamp: seconds(),
        recipient_id: "1",
        biz_opaque_callback_data: sendId,
        errors: [{ code: 131031, title: "Account has been locked" }],
      };
      await postSigned({ accountId: THEIRS.accountId, phoneNumberId, members: { statuses: [status] } });
      await waitFor(async () => (await causes()).length === 1, { what: "it is set aside" });
      expect(await causes()).toEqual([expect.stringMatching(/^another-number: /)]);
      expect(await stage.sql`select from circuits where state = 'open'`).toEqual([]);
      expect(await stage.sql`select from sends where state = 'failed'`).toEqual([]);
    },
  );
});
