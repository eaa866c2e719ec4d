import { ROOT } from "@turno/servers";
import { configureStage, createStage, stageAgent, stageId, waitFor, type Stage } from "@turno/testing";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, it } from "vitest";

const text = readFileSync(join(ROOT, "docs", "runbook.md"), "utf8");
const GROUP = stageId(1, 9);
/** Every service whose figures the runbook names. */
const SERVICES = ["provisioner", "gateway", "router", "session-tracker", "sender", "inbox"] as const;
const NEEDS = {
  gateway: { WHATSAPP_APP_SECRETS: "secret", WHATSAPP_VERIFY_TOKENS: "verify" },
  // No call leaves: nothing is sent here.
  sender: {
    GRAPH_URL: "http://127.0.0.1:8079",
    WHATSAPP_ACCESS_TOKEN: "token",
    TOKEN_KEYS: `k1:${Buffer.alloc(32).toString("base64")}`,
  },
} as Record<string, Record<string, string>>;

let stage: Stage;
let urls: string[];
beforeEach(async () => {
  stage = await createStage();
  const services = await Promise.all(SERVICES.map((name) => stage.start(name, NEEDS[name])));
  urls = services.map(({ url }) => url);
  await configureStage(stage, { agents: 2 });
});
afterEach(() => stage.stop());

/** What stands in backticks, in a line or as a block, in the order of the page. */
function listCode(): string[] {
  const found = [...text.matchAll(/^```\w*\n([^]*?)^```|`([^`\n]+)`/gm)];
  return found.flatMap(([, block, span = ""]) => (block === undefined ? [span] : block.split("\n")));
}

const statements = () => [
  ...new Set(
    [...text.matchAll(/^```sql\n([^]*?)^```|`(select [^`]+)`/gim)].flatMap(([, block, span = ""]) =>
      (block ?? span).split(";").map((one) => one.trim()),
    ),
  ),
];

const commands = () =>
  listCode()
    .filter((line) => line.startsWith("npm run turno -- "))
    .map((line) => line.replace("npm run turno -- ", "").replace(/\s+#.*$/, ""));

async function turno(words: string): Promise<string> {
  const args = [join(ROOT, "develop", "local", "src", "turno.ts"), ...words.split(" ")];
  const environment = { ...process.env, NATS_URL: stage.nats.urlOf("cli"), TURNO_ACCESS_TOKEN: "EAAofTheRunbook" };
  return (await promisify(execFile)(process.execPath, args, { env: environment })).stdout;
}

async function findId(table: "conversations" | "dead_letters", where: string): Promise<string> {
  const find = () => stage.sql.unsafe<{ id: string }[]>(`select id from ${table} where ${where} limit 1`);
  return (await waitFor(async () => (await find())[0], { what: `${table} where ${where}`, timeoutMs: 30_000 })).id;
}

/** Makes what the commands are about: a conversation with an agent, one that waits, updates that were set aside, and a stop. */
async function fillStage(): Promise<void> {
  await stage.command("configure", {
    groups: [{ id: GROUP, name: "Billing", distribution: "manual" }],
    agents: [{ id: stageAgent(9), name: "Fabio", capacity: null, groupIds: [GROUP] }],
    channels: [{ id: stageId(3, 9), phoneNumberId: "456", accountId: "100", name: "Second", groupId: GROUP }],
  });
  await stage.publish([
    { id: "with-agent", userId: "one" },
    { id: "waiting", userId: "two", phoneNumberId: "456" },
    { id: "unknown-1", userId: "three", phoneNumberId: "789" },
    { id: "unknown-2", userId: "four", phoneNumberId: "789" },
  ]);
  await stage.sql`
    insert into circuits (scope, key, state, code, reason, opened_at, try_at)
    values ('number', '456', 'open', 133010, 'not registered', turno_clock(), turno_clock() + interval '1 hour')`;
}

it("every `npm run turno` line of the runbook does what it says on a running stack", async () => {
  await fillStage();
  expect(commands().length).toBeGreaterThan(4);
  for (const command of commands()) {
    const isWaiting = command.startsWith("waiting");
    const conversation = () => findId("conversations", isWaiting ? "state = 'queued'" : "state = 'active'");
    const filled = command
      .replace("<conversation>", command.includes("<conversation>") ? await conversation() : "")
      .replace("<scope> <key>", "number 456")
      .replace("<account>", "100")
      .replace("<id>", command.includes("<id>") ? await findId("dead_letters", "true") : "");
    expect(filled, `the test knows no value for a placeholder of: ${command}`).not.toMatch(/<\w+>/);
    expect(await turno(filled)).not.toBe("");
  }
}, 120_000);

it("every figure that the runbook names is served by a service", async () => {
  const served = (await Promise.all(urls.map(async (url) => (await fetch(`${url}/metrics`)).text()))).join("\n");
  const named = [...new Set([...text.matchAll(/`(turno_[a-z_<>]+)(?:\{[^`]*\})?`/g)].map(([, name = ""]) => name))];
  expect(named.length).toBeGreaterThan(15);
  expect(named.filter((name) => !new RegExp(`# TYPE ${name.replace("<service>", "[a-z]+")} `).test(served))).toEqual(
    [],
  );
}, 120_000);

it("every SQL statement of the runbook runs on a running stack, in its order", async () => {
  await fillStage();
  expect(statements().length).toBeGreaterThan(3);
  const session = await stage.sql.reserve();
  for (const statement of statements()) {
    await expect(session.unsafe(statement), statement).resolves.toBeDefined();
  }
  session.release();
}, 120_000);
