import { pickFreePort } from "@turno/servers";
import {
  createCustomers,
  createGraphServer,
  createRandom,
  createSimulator,
  type GraphServer,
  type Simulator,
} from "@turno/simulator";
import {
  configureStage,
  createStageOn,
  provisionTestNats,
  setClock,
  stageAgent,
  stageId,
  startTestNats,
  STAGE_GROUP,
  waitFor,
  type Stage,
} from "@turno/testing";
import type { RunningNatsServer, ServiceProcess } from "@turno/servers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runDoctor, type ToldReport } from "./fixtures/run-turno.ts";

const SECRET = "doctor-secret";
const TOKEN = "doctor-token";
const OTHER_GROUP = stageId(1, 1);
const [MAIN, OTHER] = ["123", "124"];
const CHANNELS = [
  { accountId: "100", phoneNumberId: MAIN, displayPhoneNumber: "15550001111" },
  { accountId: "200", phoneNumberId: OTHER, displayPhoneNumber: "15550002222" },
];
const GIBIBYTE = 1024 ** 3;
const HOUR_MS = 3_600_000;
/** The inbox of this stage runs as in production, with nothing set; and nobody speaks TLS for the gateway. */
const STANDING = ["doctor certificate", "inbox operations-port", "inbox public-url", "inbox sign-in"];

let nats: RunningNatsServer;
let monitors: string[];
let lazy: RunningNatsServer;
let stage: Omit<Stage, "nats">;
let gateway: ServiceProcess;
let inbox: ServiceProcess;
let graph: GraphServer;
let meta: Simulator;
const tokens = [TOKEN];

beforeAll(async () => {
  const ports = await Promise.all([pickFreePort(), pickFreePort()]);
  [nats, lazy] = await Promise.all([
    startTestNats({ monitoringPort: ports[0] ?? 0 }),
    startTestNats({ monitoringPort: ports[1] ?? 0, syncAlways: false }),
  ]);
  monitors = ports.map((port) => `http://127.0.0.1:${port}`);
  await provisionTestNats(nats);
  stage = await createStageOn(nats);
  gateway = await stage.start("gateway", { WHATSAPP_APP_SECRETS: SECRET, WHATSAPP_VERIFY_TOKENS: "verify" });
  meta = createSimulator({
    url: `${gateway.url}/webhooks/whatsapp`,
    appSecret: SECRET,
    random: createRandom(1),
    now: Date.now,
    customers: createCustomers({ count: 1, random: createRandom(2) }),
    channels: CHANNELS,
  });
  graph = await createGraphServer({ simulator: meta, accessTokens: tokens, random: createRandom(3), now: Date.now });
  [inbox] = await Promise.all([
    stage.start("inbox", { NODE_ENV: "production" }),
    stage.start("router"),
    stage.start("session-tracker"),
    stage.start("sender", { GRAPH_URL: graph.url, WHATSAPP_ACCESS_TOKEN: TOKEN }),
  ]);
  await configureStage(stage, { agents: 1 });
}, 240_000);
afterAll(async () => {
  await graph.stop();
  await meta.stop();
  await stage.stop();
  await Promise.all([nats.stop(), lazy.stop()]);
});

/** Runs `turno doctor` as an operator does, and gives its report by code. */
const examine = (monitor = monitors[0] ?? "") => runDoctor(nats.urlOf("cli"), ["--nats-monitor", monitor]);
const wrongOf = ({ checks }: ToldReport) =>
  checks.filter(({ state }) => state === "wrong").map(({ service, code }) => `${service} ${code}`);
const findingOf = ({ checks }: ToldReport, name: string) =>
  checks
    .filter(({ service, code, state }) => state === "wrong" && `${service} ${code}` === name)
    .map((check) => `${check.wrong} → ${check.advice}`)
    .join("\n");

async function configureOther(accountId: string | null, agentGroups: string[]): Promise<void> {
  await stage.command("configure", {
    groups: [{ id: OTHER_GROUP, name: "Billing" }],
    channels: [{ id: stageId(3, 1), phoneNumberId: OTHER, accountId, name: "Second", groupId: OTHER_GROUP }],
    agents: [{ id: stageAgent(0), name: "Agent 0", groupIds: [STAGE_GROUP, ...agentGroups] }],
  });
}

/** Restores what no fault is in. */
async function heal(): Promise<void> {
  Object.assign(graph.settings, {
    tokenExpiresAt: 0,
    scopes: ["whatsapp_business_management", "whatsapp_business_messaging"],
    tokenAccounts: null,
    subscribedApps: [graph.settings.appId],
    fields: ["messages", "user_preferences", "user_id_update", "message_template_status_update"],
    showsSubscriptions: true,
    callback: `${gateway.url}/webhooks/whatsapp`,
    areTemplatesForbidden: false,
    dateAheadMs: 0,
  });
  for (const { phoneNumberId, accountId } of CHANNELS) {
    const sound = { status: "CONNECTED", quality: "GREEN", verification: "VERIFIED", throughput: "STANDARD" };
    graph.settings.numbers.set(phoneNumberId, { accountId, ...sound });
  }
  tokens.splice(0, tokens.length, TOKEN);
  await setClock(stage, 0);
  await configureOther("200", [OTHER_GROUP]);
  await stage.command("configure", { agents: [{ id: stageAgent(8), name: "Head", role: "admin" }] });
}

it("finds each of the faults that are planted in configuration, streams, gateway and at Meta, and nothing else", async () => {
  const provisioner = await stage.start("provisioner", { INBOUND_BYTES_MAX: String(32 * 1024 * 1024) });
  await configureOther(null, []);
  Object.assign(graph.settings, {
    tokenExpiresAt: Math.floor(Date.now() / 1_000) + 3 * 24 * 3_600,
    scopes: ["whatsapp_business_management"],
    subscribedApps: [],
    fields: ["user_preferences", "user_id_update", "message_template_status_update"],
    callback: `${gateway.url}/webhooks/another`,
    areTemplatesForbidden: true,
    dateAheadMs: HOUR_MS,
  });
  const [main, other] = [graph.settings.numbers.get(MAIN), graph.settings.numbers.get(OTHER)];
  if (main === undefined || other === undefined) throw new Error("the simulator knows both numbers");
  Object.assign(main, { status: "RESTRICTED", quality: "RED", verification: "NOT_VERIFIED" });
  Object.assign(other, { throughput: "UNKNOWN" });
  const forged = await meta.postRaw('{"object":"whatsapp_business_account","entry":[]}', {
    signature: `sha256=${"0".repeat(64)}`,
  });
  expect(forged).toMatchObject({ status: 401 });

  const report = await waitFor(
    async () => {
      const found = await examine(monitors[1]);
      const names = wrongOf(found);
      return names.includes("provisioner room") && !names.includes("provisioner streams") && found;
    },
    { what: "the provisioner has lowered the limit", timeoutMs: 60_000 },
  );
  expect(report.exitCode).toBe(1);
  expect(wrongOf(report).toSorted()).toEqual(
    [
      ...STANDING,
      "doctor sync-interval",
      "doctor webhook",
      "gateway signatures",
      "provisioner room",
      "router admin",
      "router channel-account",
      "router group-agents",
      "sender app-subscribed",
      "sender clock-meta",
      "sender number-state",
      "sender number-state",
      "sender number-state",
      "sender templates",
      "sender token-expiry",
      "sender token-scopes",
      "sender webhook-fields",
    ].toSorted(),
  );
  const explained: [string, RegExp][] = [
    ["doctor certificate", /not https.* → Put something that speaks TLS/],
    ["doctor sync-interval", /power cut.* → Set `sync_interval: always`/],
    ["doctor webhook", /404.* → Set the callback/],
    ["gateway signatures", /none of its secrets.* → Compare/],
    ["inbox operations-port", /everybody reaches.* → Set OPERATIONS_PORT of the inbox/],
    ["inbox public-url", /→ Set PUBLIC_URL/],
    ["inbox sign-in", /closed.* → Set /],
    ["provisioner room", /limit.* → Raise INBOUND_BYTES_MAX/],
    ["router admin", /→ Configure an agent with the role admin/],
    ["router channel-account", /Second.* → Set the channel's accountId/],
    ["router group-agents", /Billing.* → Give the group members/],
    ["sender app-subscribed", /None.* → Subscribe the app: POST \/100\/subscribed_apps/],
    ["sender clock-meta", /Meta's is \d+ s ahead.* → Let a time service/],
    ["sender number-state", /RESTRICTED.* → Register it[^]*not verified.* → Verify[^]*RED.* → Send fewer/],
    ["sender templates", /code 200.* → Give the token's system user/],
    ["sender token-expiry", /within 14 days.* → Make a system user's token/],
    ["sender token-scopes", /lacks whatsapp_business_messaging.* → Make/],
    ["sender webhook-fields", /messages: neither.* → In Meta's app dashboard/],
  ];
  for (const [name, words] of explained) expect(findingOf(report, name)).toMatch(words);
  expect(JSON.stringify(report)).not.toMatch(new RegExp(`${TOKEN}|${SECRET}|15550001111|password`));
  await provisioner.stop();
}, 240_000);

it("finds a dead token, a service that is not there, a clock that was set, and a migration that is missing", async () => {
  await heal();
  tokens.splice(0, tokens.length, "another-token");
  await setClock(stage, HOUR_MS);
  const [last] = await stage.sql<{ id: number; hash: string; created_at: string }[]>`
    delete from drizzle.__drizzle_migrations
    where id = (select max(id) from drizzle.__drizzle_migrations) returning id, hash, created_at`;
  // It waits for the migration, and says so.
  await inbox.stop();
  await stage.start("inbox", { NODE_ENV: "production" }, { isListeningEnough: true });
  const report = await waitFor(
    async () => {
      const seen = await examine();
      return wrongOf(seen).includes("inbox ready") && seen;
    },
    { what: "the inbox that waits is heard", timeoutMs: 60_000 },
  );
  if (last === undefined) throw new Error("the database has migrations");
  await stage.sql`insert into drizzle.__drizzle_migrations ${stage.sql([last])}`;
  const found = [...new Set(wrongOf(report))];
  for (const name of [
    "doctor answers",
    "inbox migrations",
    "router migrations",
    "sender migrations",
    "sender token-valid",
    "session-tracker clocks",
    "session-tracker migrations",
  ]) {
    expect(found).toContain(name);
  }
  expect(findingOf(report, "doctor answers")).toMatch(/provisioner.* → Look whether provisioner runs/);
  expect(findingOf(report, "sender token-valid")).toMatch(/190.* → Make a system user's token/);
  expect(findingOf(report, "session-tracker clocks")).toMatch(/ahead.* → Set the clocks right/);
  expect(findingOf(report, "inbox ready")).toMatch(/waits for the database.* → See "A service is not ready"/);
  expect(findingOf(report, "router migrations")).toMatch(/lacks the migration.* → Run the migrator/);
}, 240_000);

it("finds a number of another account, a token that is not for it, and a callback that is not set; what is sound it says", async () => {
  await heal();
  await Promise.all([
    stage.start("provisioner", { INBOUND_BYTES_MAX: String(GIBIBYTE) }),
    stage.command("configure", {
      channels: [{ id: stageId(3), phoneNumberId: MAIN, accountId: "200", name: "Main", groupId: STAGE_GROUP }],
    }),
  ]);
  Object.assign(graph.settings, { tokenAccounts: ["100"], callback: null });
  // The certificate was that of the callback.
  const standing = STANDING.filter((name) => name !== "doctor certificate");
  // What signed wrongly last did so before anything signed rightly.
  await meta.post([meta.message({ customer: meta.customers[0] as never, type: "text", text: "hola" })]);
  const expected = [
    "sender number-account",
    "sender token-accounts",
    "sender token-accounts",
    "sender webhook-callback",
  ];
  const report = await waitFor(
    async () => {
      const found = await examine();
      const isBusy = (name: string) => /^provisioner| (answers|ready)$/.test(name);
      return !wrongOf(found).some(isBusy) && found;
    },
    { what: "the provisioner is at work, and who doubted the clocks again", timeoutMs: 60_000 },
  );
  expect(wrongOf(report).toSorted()).toEqual([...standing, ...expected].toSorted());
  expect(findingOf(report, "sender number-account")).toMatch(/none of account 200.* → Set the channel's accountId/);
  expect(findingOf(report, "sender token-accounts")).toMatch(/200.* → Assign these accounts/);
  expect(findingOf(report, "sender webhook-callback")).toMatch(/no callback.* → Set the callback/);

  await configureStage(stage, { agents: 1 });
  await heal();
  const healed = await examine();
  expect(wrongOf(healed).toSorted()).toEqual(STANDING);
  const sound = new Set(healed.checks.filter(({ state }) => state === "sound").map(({ code }) => code));
  for (const code of [
    "database-direct",
    "migrations",
    "clock-database",
    "clocks",
    "token-valid",
    "webhook",
    "room",
    "sync-interval",
  ]) {
    expect([code, sound.has(code)]).toEqual([code, true]);
  }
}, 240_000);
