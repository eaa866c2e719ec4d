import {
  configureStage,
  createStage,
  SERVICE_ACTOR,
  stageAgent,
  STAGE_GROUP,
  stageId,
  waitFor,
  type Stage,
} from "@turno/testing";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

/** Meta's lists of templates: the names of each account's, or a refusal. */
const lists = new Map<string, string[] | "refused">();
const asked: string[] = [];

let meta: Server;
let stage: Stage;
let conversationId: string;
beforeAll(async () => {
  meta = createServer((request, response) => {
    const accountId = String(request.url).split("/")[2] ?? "";
    asked.push(accountId);
    const list = lists.get(accountId) ?? [];
    response.statusCode = list === "refused" ? 401 : 200;
    const error = { message: "The token has expired", code: 190 };
    const data = (list === "refused" ? [] : list).map((name) => {
      const template = { id: "1", name, language: "es", status: "APPROVED", category: "UTILITY" };
      return { ...template, components: [{ type: "BODY", text: "Hola" }] };
    });
    response.end(JSON.stringify(list === "refused" ? { error } : { data }));
  });
  await new Promise<void>((resolve) => void meta.listen(0, "127.0.0.1", resolve));
  const { port } = meta.address() as AddressInfo;
  lists.set("100", "refused");
  stage = await createStage();
  await Promise.all([
    stage.start("router"),
    stage.start("session-tracker"),
    stage.start("sender", { GRAPH_URL: `http://127.0.0.1:${port}`, WHATSAPP_ACCESS_TOKEN: "token" }),
  ]);
  await configureStage(stage, { agents: 1 });
  await stage.publish([{ id: "wamid.1", userId: "US.1" }]);
  conversationId = await waitFor(
    async () =>
      (await stage.sql<{ id: string }[]>`select id from conversations where state = 'active'`)[0]?.id ?? false,
    { what: "the conversation is active" },
  );
});
afterAll(async () => {
  await stage.stop();
  await new Promise((resolve) => meta.close(resolve));
});

const send = (name: string) =>
  stage.request("send", {
    actor: SERVICE_ACTOR,
    agentId: stageAgent(0),
    conversationId,
    message: { type: "template", name, language: "es", components: [] },
  });

const readList = async (accountId: string) =>
  (await stage.sql`select read_at, failed_since, failure from template_lists where account_id = ${accountId}`)[0];

describe("an account's list of templates", () => {
  it("that cannot be read is no empty list: the refusal says since when and why, and so does the list", async () => {
    await waitFor(async () => (await readList("100")) !== undefined, { what: "the list was tried" });
    const since = ((await readList("100")) as { failed_since: Date }).failed_since.toISOString();
    const refused = await send("hello");
    expect(refused).toMatchObject({ refusal: { code: "templates-unread", details: { since } } });
    expect("refusal" in refused && refused.refusal.message).toMatch(/190/);
    expect(await stage.command("list-templates", { channelId: stageId(3) })).toMatchObject({
      templates: [],
      list: { readAt: null, failedSince: since },
    });
  });

  it("is read when a channel of its account is configured, and once more where a template is not known", async () => {
    lists.set("200", ["welcome"]);
    await stage.command("configure", {
      channels: [{ id: stageId(3), phoneNumberId: "123", accountId: "200", name: "Main", groupId: STAGE_GROUP }],
    });
    await waitFor(async () => (await readList("200")) !== undefined, { what: "the new account's list is read" });
    expect(await send("welcome")).toMatchObject({ ok: true });

    // Made at Meta since then: nobody need wait for the next reading.
    lists.set("200", ["welcome", "fresh"]);
    const before = asked.filter((id) => id === "200").length;
    expect(await send("fresh")).toMatchObject({ ok: true });
    expect(asked.filter((id) => id === "200").length).toBe(before + 1);
    // What does not exist is asked for once, however often it is sent.
    expect(await send("missing")).toMatchObject({ refusal: { code: "template-unknown" } });
    expect(await send("missing")).toMatchObject({ refusal: { code: "template-unknown" } });
    expect(asked.filter((id) => id === "200").length).toBe(before + 1);
  });
});
