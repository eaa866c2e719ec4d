import { waitFor } from "@turno/testing";
import type { Engine } from "./engine.ts";
import { configureStack, roundTrip } from "./inside-client.ts";
import { findOpenings, listPublished } from "./isolation.ts";
import { ONE_SHOTS } from "./containers.ts";
import type { ComposeStack } from "./stack.ts";
import { PHONE_NUMBER_ID, type Webhooks } from "./webhooks.ts";

export interface Proof {
  engine: Engine;
  stack: ComposeStack;
  webhooks: Webhooks;
}

export interface ProofStep {
  name: string;
  /** Returns what was seen, and throws where it is not what the file promises. */
  run: (proof: Proof) => Promise<string>;
}

const ROUTERS = 4;
const PARTITIONS = 64;
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

let trips = 0;
async function passWebhook({ engine, stack, webhooks }: Proof): Promise<string> {
  const tookMs = await roundTrip(engine, stack, webhooks, `wamid.trip.${trips++}`);
  return `a webhook's event of assignment after ${Math.round(tookMs)} ms`;
}

function assertSame(what: string, found: unknown, wanted: unknown): void {
  const [left, right] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (left !== right) throw new Error(`${what}: ${left}, wanted ${right}`);
}

async function readStored(stack: ComposeStack): Promise<Set<string>> {
  return new Set(await stack.query("select substr(key, 5) from messages where starts_with(key, 'msg:')"));
}

/** Waits until everything that was answered 200 is in the database. */
async function assertStored({ stack, webhooks }: Proof): Promise<number> {
  await waitFor(
    async () => {
      const stored = await readStored(stack);
      const lost = [...webhooks.accepted].filter((id) => !stored.has(id));
      if (lost.length > 0) throw new Error(`${lost.length} of ${webhooks.accepted.size} are not stored`);
      return true;
    },
    { what: "all that was answered 200 is stored", timeoutMs: 120_000, intervalMs: 500 },
  );
  return webhooks.accepted.size;
}

async function up({ stack }: Proof, ...args: string[]): Promise<string> {
  const before = new Set((await stack.containers()).map(({ id }) => id));
  const startedAt = performance.now();
  await stack.compose("up", "--detach", "--no-build", ...args);
  await stack.waitUntilHealthy();
  const healthy = (await stack.containers()).filter(({ service }) => !ONE_SHOTS.includes(service));
  const kept =
    before.size === 0 ? "" : `, ${healthy.filter(({ id }) => before.has(id)).length} of them the same as before`;
  return `${healthy.length} containers healthy after ${seconds(performance.now() - startedAt)}${kept}`;
}

async function restartEach(proof: Proof): Promise<string> {
  const { stack, webhooks } = proof;
  const stopPosting = webhooks.keepPosting();
  const took: string[] = [];
  try {
    for (const service of (await stack.services()).filter((name) => !ONE_SHOTS.includes(name))) {
      const startedAt = performance.now();
      await stack.compose("restart", "--no-deps", service);
      await stack.waitUntilHealthy();
      took.push(`${service} ${seconds(performance.now() - startedAt)}`);
    }
  } finally {
    await stopPosting();
  }
  const count = await assertStored(proof);
  return `all healthy again: ${took.join(", ")}; ${count} webhooks answered 200, all stored; ${await passWebhook(proof)}`;
}

/** Kills the processes themselves, as a power cut does: an engine would take its own kill for an operator's wish. */
async function cutPower(proof: Proof): Promise<string> {
  const { stack, webhooks } = proof;
  const stopPosting = webhooks.keepPosting();
  const before = await stack.containers();
  const startedAt = performance.now();
  for (const { pid } of before.filter(({ isRunning }) => isRunning)) process.kill(pid, "SIGKILL");
  try {
    const ended = new Map(before.map(({ id, startedAt: at }) => [id, at]));
    await waitFor(
      async () =>
        (await stack.containers()).every(
          (one) => ONE_SHOTS.includes(one.service) || ended.get(one.id) !== one.startedAt,
        ),
      { what: "every container was started again", timeoutMs: 120_000, intervalMs: 500 },
    );
    await stack.waitUntilHealthy();
  } finally {
    await stopPosting();
  }
  const backAfter = seconds(performance.now() - startedAt);
  const count = await assertStored(proof);
  return `all healthy again by themselves after ${backAfter}; ${count} answered 200, all stored; ${await passWebhook(proof)}`;
}

/** The containers that scaling down removes give their partitions back. */
async function scale(proof: Proof): Promise<string> {
  const { stack } = proof;
  const seen = await up(proof, "--scale", `router=${ROUTERS}`);
  const count = "select count(*) from log_positions where consumer = 'router' group by owner";
  const even = Array.from({ length: ROUTERS }, () => String(PARTITIONS / ROUTERS));
  await waitFor(async () => JSON.stringify(await stack.query(count)) === JSON.stringify(even), {
    what: `${ROUTERS} routers hold ${PARTITIONS / ROUTERS} partitions each`,
    timeoutMs: 120_000,
    intervalMs: 500,
  });
  const trip = await passWebhook(proof);
  return `${seen}; each of ${ROUTERS} routers holds ${PARTITIONS / ROUTERS} of ${PARTITIONS} partitions; ${trip}; back to one router: ${await up(proof)}`;
}

async function stopInOrder({ stack }: Proof): Promise<string> {
  const startedAt = performance.now();
  await stack.compose("stop");
  const codes = (await stack.containers()).map(({ service, exitCode }) => `${service} ${exitCode}`);
  assertSame(
    "exit codes",
    codes.filter((code) => !code.endsWith(" 0")),
    [],
  );
  return `${codes.length} containers ended with 0 within ${seconds(performance.now() - startedAt)}`;
}

async function askOutside({ stack, webhooks }: Proof): Promise<string> {
  assertSame("a webhook signed with another secret", await webhooks.post({ secret: "another" }), 401);
  const conversations = await fetch(`${stack.inboxUrl}/v1/conversations`);
  assertSame("the inbox without a token", conversations.status, 401);
  for (const url of [stack.gatewayUrl, stack.inboxUrl]) {
    assertSame(`figures at ${url}`, (await fetch(`${url}/metrics`)).status, 404);
  }
  assertSame("services with a port on the host", await listPublished(stack), ["gateway", "inbox"]);
  return "a webhook with a wrong signature 401, the inbox without a token 401, figures 404, no other service has a port";
}

async function checkIsolation({ stack }: Proof): Promise<string> {
  assertSame("openings", await findOpenings(stack), []);
  return "no container's process is root, has a capability, may gain privileges or can write to its root";
}

export const STEPS: readonly ProofStep[] = [
  {
    name: "Compose takes the file",
    run: async ({ stack }) => `${(await stack.services()).length} services`,
  },
  {
    name: "images are built",
    run: async ({ stack }) => {
      const startedAt = performance.now();
      await stack.compose("build");
      return `in ${seconds(performance.now() - startedAt)}`;
    },
  },
  { name: "first `up`", run: (proof) => up(proof) },
  { name: "isolation", run: checkIsolation },
  {
    name: "a webhook in, its event out",
    run: async (proof) => {
      await configureStack(proof.stack, PHONE_NUMBER_ID);
      return passWebhook(proof);
    },
  },
  { name: "seen from outside", run: askOutside },
  { name: "second `up`", run: async (proof) => `${await up(proof)}; ${await passWebhook(proof)}` },
  {
    name: "`up` of stopped containers",
    run: async (proof) => {
      const stopped = await stopInOrder(proof);
      return `${stopped}; ${await up(proof)}; ${await passWebhook(proof)}`;
    },
  },
  { name: "`--scale router=4`", run: scale },
  { name: "restart of each part", run: restartEach },
  { name: "SIGKILL of every process at once", run: cutPower },
  {
    name: "`down`, then `up`",
    run: async (proof) => {
      await proof.stack.compose("down");
      const seen = await up(proof);
      return `${seen}; ${await assertStored(proof)} messages still stored; ${await passWebhook(proof)}`;
    },
  },
  { name: "orderly stop", run: stopInOrder },
];
