import { encodeInboundRecord, inboundSubject } from "@turno/contracts";
import { createPublisher } from "@turno/messaging";
import { ROOT, type ServiceProcess } from "@turno/servers";
import { signBody } from "@turno/simulator";
import {
  configureStage,
  createStage,
  SERVICE_ACTOR,
  shiftClock,
  stageAgent,
  stageId,
  waitFor,
  type Stage,
} from "@turno/testing";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { readExposition, type MetricFamily, type MetricSample } from "./watch/exposition.ts";
import { evaluateRule, type Scrape } from "./watch/promql.ts";
import { findUnserved, listSeries } from "./watch/served.ts";
import { describeMetrics } from "./watch/metrics-page.ts";

interface Rule {
  alert: string;
  expr: string;
  annotations: { summary: string; runbook: string };
}

const read = (...path: string[]) => readFileSync(join(ROOT, ...path), "utf8");
const { groups } = parse(read("deploy", "prometheus", "alerts.yml")) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const runbook = read("docs", "runbook.md");

const HOUR_MS = 3_600_000;
/** How far apart two scrapes are for the rules, in seconds. */
const SCRAPED_EVERY = 15;
const INBOUND_BYTES_MAX = 16 * 1024 * 1024;
const APPS = { theirs: { secrets: ["old", "secret"], verifyTokens: ["verify"], accounts: ["200"] } };
const SERVICES = {
  provisioner: { INBOUND_BYTES_MAX: String(INBOUND_BYTES_MAX) },
  gateway: { WHATSAPP_APP_SECRETS: "secret", WHATSAPP_VERIFY_TOKENS: "verify", WHATSAPP_APPS: JSON.stringify(APPS) },
  router: { LEASE_MS: "1000" },
  "session-tracker": { DATABASE_CONNECTIONS_MAX: "3" },
  // No call leaves: the number is stopped before anything is sent.
  sender: { GRAPH_URL: "http://127.0.0.1:9", WHATSAPP_ACCESS_TOKEN: "token-of-watched" },
  inbox: {},
} as const;
const NAMES = Object.keys(SERVICES) as (keyof typeof SERVICES)[];

let stage: Stage;
const running = new Map<string, ServiceProcess>();
const history: Scrape[] = [];
/** Every metric that a service has served, by service. */
const served = new Map<string, Map<string, MetricFamily>>();
const fired = new Set<string>();

beforeAll(async () => {
  stage = await createStage();
  await Promise.all(NAMES.map(async (name) => void running.set(name, await stage.start(name, SERVICES[name]))));
  await configureStage(stage, { agents: 1 });
  await stage.command("configure", {
    groups: [{ id: stageId(1, 9), name: "Billing", distribution: "manual" }],
    channels: [{ id: stageId(3, 9), phoneNumberId: "456", accountId: "100", name: "Second", groupId: stageId(1, 9) }],
  });
  await stage.publish([
    { id: "held", userId: "one" },
    { id: "queued", userId: "two", phoneNumberId: "456" },
  ]);
  await waitFor(async () => (await stage.sql`select from conversations`).length === 2, { what: "two are open" });
}, 120_000);
afterAll(() => stage.stop());

/** Keeps what a service says of a metric, with one sample of each series that has the same labels. */
function note(service: string, family: MetricFamily): void {
  const ofService = served.get(service) ?? new Map<string, MetricFamily>();
  const samples = [...(ofService.get(family.name)?.samples ?? []), ...family.samples];
  const unlike = new Map(
    samples.map((sample) => [`${sample.labels["__name__"]} ${Object.keys(sample.labels).join(" ")}`, sample]),
  );
  ofService.set(family.name, { ...family, samples: [...unlike.values()] });
  served.set(service, ofService);
}

/** Scrapes what runs, as Prometheus does, and returns the alerts whose expression holds now. */
async function scrape(): Promise<string[]> {
  const texts = await Promise.all(
    [...running].map(async ([name, { url }]) => [name, await (await fetch(`${url}/metrics`)).text()] as const),
  );
  const samples: MetricSample[] = [];
  for (const [name, text] of texts) {
    for (const family of readExposition(text)) {
      note(name, family);
      samples.push(...family.samples);
    }
  }
  const at = (history.at(-1)?.at ?? 0) + SCRAPED_EVERY;
  history.push({ at, samples });
  const now = rules.filter(({ expr }) => evaluateRule(expr, history, at).length > 0).map(({ alert }) => alert);
  for (const alert of now) fired.add(alert);
  return now;
}

/** Waits until these alerts hold at the same time. */
async function expectAlerts(...alerts: string[]): Promise<void> {
  let held: string[] = [];
  await waitFor(
    async () => {
      held = await scrape();
      return alerts.every((alert) => held.includes(alert));
    },
    { what: `${alerts.join(", ")} fire`, timeoutMs: 45_000 },
  ).catch((error: unknown) => {
    throw new Error(`only ${held.join(", ")} fire`, { cause: error });
  });
}

async function post(body: object, { secret = "secret", path = "" }): Promise<number> {
  const text = JSON.stringify(body);
  const headers = { "content-type": "application/json", "x-hub-signature-256": signBody(text, secret) };
  const url = `${running.get("gateway")?.url}/webhooks/whatsapp${path}`;
  return (await fetch(url, { method: "POST", body: text, headers })).status;
}

const bodyOf = (field: string, accountId = "100") => ({
  object: "whatsapp_business_account",
  entry: [{ id: accountId, changes: [{ field, value: { messaging_product: "whatsapp", metadata: {}, news: [] } }] }],
});

const anchorOf = (heading: string) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, "")
    .replaceAll(" ", "-");

describe("an alert rule", () => {
  it("is silent while all is well", async () => {
    // A service that has just started may still be without its partitions or figures: that is what the rules' `for` is for.
    let quiet = 0;
    const isQuiet = async () => (quiet = (await scrape()).length === 0 ? quiet + 1 : 0) >= 3;
    await waitFor(isQuiet, { what: "no alert holds in three looks on end" });
  }, 60_000);

  it("fires when a secret is wrong, an app signs for others, or Meta sends what nothing understands", async () => {
    expect(await post(bodyOf("messages"), { secret: "wrong" })).toBe(401);
    expect(await post(bodyOf("messages"), { path: "/theirs" })).toBe(200);
    expect(await post(bodyOf("news_of_next_year"), {})).toBe(200);
    await expectAlerts("TurnoSignatureMismatch", "TurnoForeignSignature", "TurnoUnrecognised");
  }, 60_000);

  it("fires when updates are set aside, sending is stopped, and a stream is nearly full", async () => {
    await stage.sql`
      insert into circuits (scope, key, state, code, reason, opened_at, try_at)
      values ('number', '123', 'open', 133010, 'not registered', turno_clock(), turno_clock() + interval '10 minutes')`;
    await stage.publish([{ id: "lost", userId: "three", phoneNumberId: "789" }]);
    const publisher = createPublisher(stage.connection);
    // The end of what may lie there comes near. Nobody reads this lane.
    const { payload, headers } = encodeInboundRecord([{ json: JSON.stringify("x".repeat(900_000)), partition: 0 }]);
    for (let stored = 0; stored < 0.85 * INBOUND_BYTES_MAX; stored += 900_000) {
      await publisher.publish(inboundSubject("unrecognised"), payload, { headers, timeoutMs: 10_000 });
    }
    publisher.close();
    await expectAlerts("TurnoDeadLetters", "TurnoSendingStopped", "TurnoStreamNearlyFull");
  }, 60_000);

  it("fires when customers, queues and messages wait for hours", async () => {
    const [open] = await stage.sql<{ id: string }[]>`select id from conversations where state = 'active'`;
    const message = { type: "text", body: "hola", previewUrl: false } as const;
    await stage.command("send", { conversationId: open?.id ?? "", agentId: stageAgent(0), message });
    await shiftClock(stage, 2 * HOUR_MS);
    await expectAlerts("TurnoQueueWaits", "TurnoUnanswered", "TurnoSendsWait");
  }, 60_000);

  it("fires when deliveries are answered late", async () => {
    const answerLate = async () => {
      await stage.nats.kill("SIGSTOP");
      const since = performance.now();
      const late = post(bodyOf("messages"), {});
      await waitFor(() => performance.now() - since > 1_250, { what: "it is too late for Meta" });
      await stage.nats.kill("SIGCONT");
      await late;
    };
    await waitFor(
      async () => {
        await answerLate();
        return (await scrape()).includes("TurnoSlowAnswers");
      },
      { what: "TurnoSlowAnswers fires", timeoutMs: 45_000 },
    );
  }, 60_000);

  it("fires when the program has a fault, and when calls wait for the pool", async () => {
    await stage.sql`alter table dead_letters rename to lost_letters`;
    await expectAlerts("TurnoDefect");
    await stage.sql`alter table lost_letters rename to dead_letters`;

    const [open] = await stage.sql<{ id: string }[]>`select id from conversations where state = 'active'`;
    const input = { conversationId: open?.id ?? "", agentId: stageAgent(0) };
    const message = { type: "text", body: "hola", previewUrl: false } as const;
    const asked: Promise<unknown>[] = [];
    const lock = await stage.sql.reserve();
    await lock`begin`;
    await lock`lock table conversations`;
    for (let index = 0; index < 6; index += 1) {
      asked.push(stage.request("send", { ...input, message, actor: SERVICE_ACTOR }).catch(() => undefined));
    }
    await expectAlerts("TurnoPoolFull");
    await lock`rollback`;
    lock.release();
    await Promise.all(asked);
  }, 60_000);

  it("fires when no router runs: what comes in takes no effect, and nothing expires", async () => {
    await running.get("router")?.kill("SIGKILL");
    running.delete("router");
    await stage.publish([{ id: "late", userId: "four" }]);
    const isLeased = () => stage.sql`
      select from log_readers where consumer = 'router' and lease_until > turno_clock()`;
    await waitFor(async () => (await isLeased()).length === 0, { what: "nobody reads for sure" });
    await shiftClock(stage, 30 * HOUR_MS);
    await expectAlerts("TurnoServiceMissing", "TurnoLag", "TurnoExpiryLate");
    // The other readers are behind only until their next look at the clock that has jumped.
    const { expr = "" } = rules.find(({ alert }) => alert === "TurnoLag") ?? {};
    const lagging = () => evaluateRule(expr, history, history.at(-1)?.at ?? 0).map(({ labels }) => labels["reader"]);
    await waitFor(
      async () => {
        await scrape();
        return lagging().join(" ") === "router";
      },
      { what: "the readers that live are up to date, and the router's lag is told", timeoutMs: 30_000 },
    );
  }, 60_000);

  it("fires when the clocks disagree", async () => {
    await shiftClock(stage, 0);
    await expectAlerts("TurnoClocksDisagree");
  }, 60_000);

  it("fires when broker and database are away, and nobody publishes what waits", async () => {
    // Before its database goes, a service knows that something waits.
    await stage.nats.kill("SIGSTOP");
    await stage.sql`insert into outbox (position, positions) values (1, '{1}') on conflict do nothing`;
    await expectAlerts(
      "TurnoBrokerAway",
      "TurnoNotStored",
      "TurnoNotReady",
      "TurnoStreamsNotAsAsked",
      "TurnoEventsStandStill",
    );
    const [database] = await stage.sql<{ name: string }[]>`select current_database() as name`;
    await stage.sql.unsafe(`alter database "${database?.name}" set default_transaction_read_only = on`);
    await stage.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = ${database?.name ?? ""} and application_name like 'turno-%'`;
    await expectAlerts("TurnoDatabaseAway");
    await stage.nats.kill("SIGCONT");
  }, 90_000);

  it("has fired here, each of them, and says which part of the runbook helps", () => {
    expect(rules.length).toBeGreaterThan(20);
    expect(rules.map(({ alert }) => alert).filter((alert) => !fired.has(alert))).toEqual([]);
    const anchors = new Set(
      [...runbook.matchAll(/^## (.+)$/gm)].map(([, heading = ""]) => `docs/runbook.md#${anchorOf(heading)}`),
    );
    const lost = rules.filter(({ annotations }) => !anchors.has(annotations.runbook) || annotations.summary === "");
    expect(lost).toEqual([]);
  });
});

describe("what an operator watches by", () => {
  it("is served: every metric and label that the alert rules and the dashboard name", () => {
    const dashboard = JSON.parse(read("deploy", "grafana", "turno.json")) as {
      panels: { title: string; targets?: { expr: string }[] }[];
    };
    const asked = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    expect(asked.length).toBeGreaterThan(15);
    const expressions = [...rules.map(({ expr }) => expr), ...asked];
    const series = listSeries(served);
    expect(expressions.flatMap((expression) => findUnserved(expression, series))).toEqual([]);
    const last = history.slice(-3);
    for (const expression of asked) expect(() => evaluateRule(expression, last, last.at(-1)?.at ?? 0)).not.toThrow();
  });

  it("is described in docs/metrics.md, all of it, as the services describe it", () => {
    const path = join(ROOT, "docs", "metrics.md");
    const page = readFileSync(path, "utf8");
    const wanted = describeMetrics(page, served);
    if (process.env["WRITE_METRICS"] !== undefined) writeFileSync(path, wanted);
    expect(readFileSync(path, "utf8"), "write it again: WRITE_METRICS=1 with this file").toBe(wanted);
  });
});
