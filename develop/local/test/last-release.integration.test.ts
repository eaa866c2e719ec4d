import { envelopeSchema, STREAMS, type NatsUser } from "@turno/contracts";
import { findLastRelease, readMigrations, ROOT, unpackRelease, type ServiceProcess } from "@turno/servers";
import {
  createCustomers,
  createGraphServer,
  createRandom,
  createSimulator,
  type GraphServer,
  type Simulator,
} from "@turno/simulator";
import { configureStage, createStage, waitFor, type Stage } from "@turno/testing";
import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";

const TOKEN = "release-token";
const SECRET = "release-secret";
const CUSTOMERS = 12;
const SLOW_MS = 60_000;
const CHANNEL = { accountId: "100", phoneNumberId: "123", displayPhoneNumber: "15550001111" };
const SERVICES = ["gateway", "router", "session-tracker", "sender", "inbox"] as const satisfies readonly NatsUser[];

let release: string;
beforeAll(async () => {
  release = await unpackRelease(await findLastRelease());
}, 300_000);
afterAll(() => rm(release, { recursive: true }));

let stage: Stage;
let graphs: GraphServer[];
let metas: Simulator[];
beforeEach(async () => {
  metas = [];
  graphs = [];
  stage = await createStage();
});
afterEach(async () => {
  await Promise.all(graphs.map((graph) => graph.stop()));
  await Promise.all(metas.map((meta) => meta.stop()));
  await stage.stop();
});

/** The same customers, who write to one gateway. Any sender may answer them, so each Graph API knows them all. */
function createMeta(gateway: ServiceProcess): Simulator {
  const meta = createSimulator({
    url: `${gateway.url}/webhooks/whatsapp`,
    appSecret: SECRET,
    random: createRandom(metas.length + 2),
    now: Date.now,
    customers: createCustomers({ count: CUSTOMERS, random: createRandom(1) }),
    channels: [CHANNEL],
  });
  metas.push(meta);
  return meta;
}

/** Starts one of each service, of the release or of today, and a Meta of their own. */
async function startAll(repository: string): Promise<Map<string, ServiceProcess>> {
  const options = { repository };
  const gateway = await stage.start(
    "gateway",
    { WHATSAPP_APP_SECRETS: SECRET, WHATSAPP_VERIFY_TOKENS: "verify" },
    options,
  );
  const meta = createMeta(gateway);
  const graph = await createGraphServer({
    simulator: meta,
    accessTokens: [TOKEN],
    random: createRandom(100 + graphs.length),
    now: Date.now,
    statuses: { stepMsMax: 20, neverShare: 0, lateShare: 0 },
  });
  graphs.push(graph);
  const sender = { GRAPH_URL: graph.url, WHATSAPP_ACCESS_TOKEN: TOKEN };
  const others = await Promise.all(
    SERVICES.slice(1).map((name) => stage.start(name, name === "sender" ? sender : {}, options)),
  );
  return new Map([gateway, ...others].map((service) => [service.name, service]));
}

const count = async (text: string) => (await stage.sql.unsafe<{ count: number }[]>(text))[0]?.count ?? -1;

/** Every customer of a gateway writes twice, is given to an agent, is answered, and is closed with a ticket. */
async function walkMainPath(meta: Simulator): Promise<void> {
  const before = await count("select count(*)::int from conversations where state = 'closed'");
  for (const text of ["hola", "quiero saber"]) {
    const updates = meta.customers.map((customer) => meta.message({ customer, type: "text", text }));
    expect(await meta.post(updates)).toBe(true);
  }
  const open = () => stage.sql<{ id: string; agent: string }[]>`
    select id, agent_id as agent from conversations where state = 'active' and (
      select count(*) from messages where conversation_id = conversations.id and direction = 'in') = 2`;
  await waitFor(async () => (await open()).length === CUSTOMERS, { what: "all are with an agent", timeoutMs: SLOW_MS });
  for (const { id: conversationId, agent: agentId } of await open()) {
    await stage.command("send", { agentId, conversationId, message: { type: "text", body: "buenas" } });
    await stage.command("create-ticket", { conversationId, subject: "Pedido" });
  }
  const undelivered = () => stage.sql<{ state: string; error: unknown }[]>`
    select state, error from sends where state not in ('delivered', 'read')`;
  await waitFor(
    async () => {
      const left = await undelivered();
      if (left.length > 0) throw new Error(`not delivered: ${JSON.stringify(left.slice(0, 3))}`);
      return true;
    },
    { what: "all is delivered", timeoutMs: SLOW_MS },
  );
  for (const { id: conversationId } of await open()) await stage.command("close", { conversationId });
  const closed = "select count(*)::int from conversations where state = 'closed'";
  expect(await count(closed)).toBe(before + CUSTOMERS);
  const unpublished = "select count(*)::int from outbox";
  await waitFor(async () => (await count(unpublished)) === 0, { what: "every event is published", timeoutMs: SLOW_MS });
}

/** Reads what others read, and expects every event there. */
async function expectEventsWhole(): Promise<void> {
  const seen = new Set<string>();
  const { messages } = (
    await stage.connection.nats.jetstreamManager().then((manager) => manager.streams.info(STREAMS.events))
  ).state;
  const consumer = await stage.connection.nats.jetstream().consumers.get(STREAMS.events);
  for (let left = messages; left > 0; left--) {
    const message = await consumer.next();
    if (message === null) throw new Error("EVENTS ended early");
    seen.add(envelopeSchema.parse(message.json()).id);
  }
  expect(seen.size).toBe(await count("select count(*)::int from events"));
}

it("has changed no migration of the last release", async () => {
  const migrations = await readMigrations(await findLastRelease());
  expect(migrations.size).toBeGreaterThan(0);
  for (const [path, text] of migrations) {
    expect(readFileSync(join(ROOT, path), "utf8"), `${path} is released: add another migration`).toBe(text);
  }
});

it("the last release's services work on today's schema and streams: alone, beside today's, and after a roll-back", async () => {
  const old = await startAll(release);
  await configureStage(stage, { agents: 4 });
  const [oldMeta] = metas as [Simulator];
  await walkMainPath(oldMeta);

  const today = await startAll(ROOT);
  const [, newMeta] = metas as [Simulator, Simulator];
  await walkMainPath(newMeta);
  await walkMainPath(oldMeta);

  await Promise.all([...old.values()].map((service) => service.stop()));
  await walkMainPath(newMeta);
  await Promise.all([...today.values()].map((service) => service.stop()));
  await startAll(release);
  await walkMainPath(metas[2] as Simulator);
  await expectEventsWhole();
}, 600_000);
