import { signBody } from "@turno/simulator";
import { startNetworkProxy, type NetworkProxy, type ServiceProcess } from "@turno/servers";
import { configureStage, createStage, stageAgent, startTestService, waitFor, type Stage } from "@turno/testing";
import { describe, expect, it as base } from "vitest";

/** What the runbook promises: what stands still is told within this time, and goes on within it after the fault's end. */
const TOLD_MS_MAX = 10_000;
const BACK_MS_MAX = 10_000;
/** Before a fault nothing is promised: many start at once. */
const START_MS_MAX = 60_000;
const GATEWAY_ANSWER_MS_MAX = 3_500;

const STATEFUL = ["router", "session-tracker", "sender", "inbox"] as const;
const SERVICES = [...STATEFUL, "gateway"] as const;
const SECRETS = {
  sender: { GRAPH_URL: "http://127.0.0.1:9", WHATSAPP_ACCESS_TOKEN: "token-of-this-test" },
  gateway: { WHATSAPP_APP_SECRETS: "secret-of-this-test", WHATSAPP_VERIFY_TOKENS: "verify" },
} as const;

const through = (url: string, { port }: NetworkProxy) => url.replace(/:\d+(\/|$)/, `:${port}$1`);

/** A stage whose services have a network before each of the two servers. */
interface Lines {
  stage: Stage;
  database: NetworkProxy;
  broker: NetworkProxy;
  start: (
    name: (typeof SERVICES)[number],
    more?: Record<string, string>,
    isListeningEnough?: boolean,
  ) => Promise<ServiceProcess>;
  /** How many messages have taken effect. */
  count: () => Promise<number>;
}

const it = base.extend<{ lines: Lines }>({
  lines: async ({ task: _task }, use) => {
    const stage = await createStage();
    const database = await startNetworkProxy({ port: Number(new URL(stage.environment.DATABASE_URL).port) });
    const broker = await startNetworkProxy({ port: stage.nats.port });
    const start: Lines["start"] = (name, more = {}, isListeningEnough = false) => {
      const { DATABASE_URL, NATS_URL } = stage.surroundingsOf(name);
      const environment = {
        DATABASE_URL: through(DATABASE_URL, database),
        NATS_URL: through(NATS_URL, broker),
        ...(name in SECRETS ? SECRETS[name as keyof typeof SECRETS] : {}),
        ...more,
      };
      return stage.start(name, environment, { isListeningEnough });
    };
    const count = async () => Number((await stage.sql`select count(*) as count from messages`)[0]?.["count"]);
    await use({ stage, database, broker, start, count });
    await stage.stop();
    await database.close();
    await broker.close();
  },
});

async function readiness({ url }: ServiceProcess): Promise<{ status: string; reasons: string[] }> {
  const answer = await fetch(`${url}/health/ready`);
  return (await answer.json()) as { status: string; reasons: string[] };
}

const saysWithin = (service: ServiceProcess, pattern: RegExp, timeoutMs: number) =>
  waitFor(async () => (await readiness(service)).reasons.some((reason) => pattern.test(reason)), {
    what: `${service.name} says ${String(pattern)}`,
    timeoutMs,
  });

const isReadyWithin = (service: ServiceProcess, timeoutMs: number) =>
  waitFor(async () => (await readiness(service)).status === "ready", { what: `${service.name} is ready`, timeoutMs });

const metric = async ({ url }: ServiceProcess, name: string) =>
  new RegExp(`^${name}\\{.*\\} (\\d+)`, "m").exec(await (await fetch(`${url}/metrics`)).text())?.[1];

/** A signed webhook with one message. */
function post({ url }: ServiceProcess): Promise<Response> {
  const messages = [{ from: "34600", id: "wamid.1", timestamp: "1", type: "text", text: { body: "hola" } }];
  const metadata = { display_phone_number: "0", phone_number_id: "123" };
  const value = { messaging_product: "whatsapp", metadata, messages };
  const change = { field: "messages", value };
  const body = JSON.stringify({ object: "whatsapp_business_account", entry: [{ id: "100", changes: [change] }] });
  const headers = {
    "content-type": "application/json",
    "x-hub-signature-256": signBody(body, SECRETS.gateway.WHATSAPP_APP_SECRETS),
  };
  return fetch(`${url}/webhooks/whatsapp`, { method: "POST", body, headers });
}

// Most of the time these two wait: they run beside one another.
describe.concurrent("packets that are dropped on open connections", () => {
  it("to Postgres: each service says so within 10 s, and the work goes on within 10 s of the end", async ({
    lines: { stage, database, start, count },
  }) => {
    const services = await Promise.all(STATEFUL.map((name) => start(name)));
    await configureStage(stage, { agents: 1 });
    await Promise.all(services.map((service) => isReadyWithin(service, START_MS_MAX)));
    database.set({ kind: "swallowing" });
    await stage.publish([{ id: "during", userId: "user" }]);
    await Promise.all(
      services.map((service) =>
        saysWithin(service, /since .* nothing takes effect: the database does not/, TOLD_MS_MAX),
      ),
    );
    expect(await metric(services[0] as ServiceProcess, "turno_router_database_up")).toBe("0");
    await saysWithin(services[0] as ServiceProcess, /no customer's message takes effect since/, TOLD_MS_MAX);
    expect(await count()).toBe(0);
    database.set({ kind: "open" });
    await waitFor(async () => (await count()) === 1, { what: "what waited takes effect", timeoutMs: BACK_MS_MAX });
    await stage.command("set-availability", { agentId: stageAgent(0), availability: "away" });
    await Promise.all(services.map((service) => isReadyWithin(service, BACK_MS_MAX)));
    await Promise.all(services.map((service) => service.stop()));
  });

  it("to NATS: each service says so within 10 s, the gateway answers 503, and all goes on within 10 s of the end", async ({
    lines: { stage, broker, start, count },
  }) => {
    const services = await Promise.all(SERVICES.map((name) => start(name)));
    const gateway = services.at(-1) as ServiceProcess;
    await configureStage(stage, { agents: 1 });
    await Promise.all(services.map((service) => isReadyWithin(service, START_MS_MAX)));
    broker.set({ kind: "swallowing" });
    await Promise.all(services.map((service) => saysWithin(service, /the broker is away/, TOLD_MS_MAX)));
    const startedAt = performance.now();
    expect((await post(gateway)).status).toBe(503);
    expect(performance.now() - startedAt).toBeLessThan(GATEWAY_ANSWER_MS_MAX);
    broker.set({ kind: "open" });
    await stage.publish([{ id: "after", userId: "user" }]);
    await waitFor(async () => (await count()) === 1, { what: "a message takes effect", timeoutMs: BACK_MS_MAX });
    await Promise.all(services.map((service) => isReadyWithin(service, BACK_MS_MAX)));
    await stage.command("set-availability", { agentId: stageAgent(0), availability: "away" });
    await Promise.all(services.map((service) => service.stop()));
  });
});

describe("a start", () => {
  it("without broker and database listens, says at once what it waits for, and begins when they come", async ({
    lines: { database, broker, start },
  }) => {
    database.set({ kind: "refusing" });
    broker.set({ kind: "refusing" });
    const services = await Promise.all(STATEFUL.map((name) => start(name, {}, true)));
    for (const service of services) {
      const live = await fetch(`${service.url}/health/live`).catch(() => null);
      expect(live?.status, service.logs().join("\n")).toBe(200);
      await saysWithin(service, /waits for the broker since .*: no broker answers at NATS_URL/, 2_000);
      await saysWithin(service, /waits for the database since .*ECONNRE/, 2_000);
      expect((await readiness(service)).status).toBe("starting");
      expect(service.logs().filter((line) => line.includes('"msg":"waiting for the '))).toHaveLength(2);
    }
    database.set({ kind: "open" });
    broker.set({ kind: "open" });
    await Promise.all(services.map((service) => isReadyWithin(service, BACK_MS_MAX)));
    await Promise.all(services.map((service) => service.stop()));
  });

  it("that waits is ended in order", async ({ lines: { database, start } }) => {
    database.set({ kind: "refusing" });
    const tracker = await start("session-tracker", {}, true);
    await saysWithin(tracker, /waits for the database/, 2_000);
    await tracker.stop();
    expect((await tracker.exited).code).toBe(0);
  });

  it.for(["warn", "silent"])("is seen at LOG_LEVEL=%s", async (level, { lines: { start } }) => {
    const tracker = await start("session-tracker", { LOG_LEVEL: level });
    expect((await readiness(tracker)).status).toBe("ready");
    await tracker.stop();
  });

  it("with a wrong environment names each key with its rule at once, and no value", async () => {
    const wrong = {
      NATS_URL: "http://hidden",
      DATABASE_URL: "mysql://hidden",
      PORT: "many",
      GRAPH_VERSION: "hidden",
    };
    const said = await startTestService("sender", { ...wrong, LOG_LEVEL: "info" }).then(
      () => "it started",
      (error: Error) => error.message,
    );
    expect(said).toMatch(/4 faults/);
    expect(said).toMatch(/NATS_URL: must be .*nats:\/\/router:password@nats:4222/);
    expect(said).toMatch(/DATABASE_URL: must be .*postgres:\/\/turno:password@postgres:5432\/turno/);
    expect(said).toMatch(/PORT: .*number/);
    expect(said).toMatch(/GRAPH_VERSION: /);
    expect(said).not.toMatch(/hidden/);
  });
});

it("an orderly stop logs no failure and ends with 0", async ({ lines: { start } }) => {
  const services = await Promise.all(SERVICES.map((name) => start(name)));
  await Promise.all(services.map((service) => service.stop()));
  for (const service of services) {
    expect(service.logs().filter((line) => /"level":[56]0/.test(line))).toEqual([]);
    expect((await service.exited).code).toBe(0);
  }
});
