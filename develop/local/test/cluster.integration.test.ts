import { EVENT_SUBJECTS, STREAMS } from "@turno/contracts";
import { readLog, readLogEnd, type Connection } from "@turno/messaging";
import { startNatsCluster, type NatsNode, type RunningNatsCluster, type ServiceProcess } from "@turno/servers";
import { createCustomers, createRandom, createSimulator, type Simulator } from "@turno/simulator";
import { configureStage, createStageOn, startTestService, waitFor, type Stage } from "@turno/testing";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, expect, it } from "vitest";

/** Rounds of all faults; one in the gate, more by hand. */
const ROUNDS = Number(process.env["CLUSTER_ROUNDS"] ?? 1);
const BACK_MS_MAX = 10_000;
const SECRET = "cluster-secret";

let folder: string;
let cluster: RunningNatsCluster;
let stage: Omit<Stage, "nats">;
let gateway: ServiceProcess;
let provisioner: ServiceProcess;
let meta: Simulator;

const provisionerEnvironment = (replicas: number) => ({
  NATS_URL: cluster.urlOf("provisioner"),
  INBOUND_REPLICAS: String(replicas),
  EVENTS_REPLICAS: String(replicas),
});

async function startProvisioner(replicas: number): Promise<void> {
  provisioner = await startTestService("provisioner", provisionerEnvironment(replicas));
  const isReady = async () => (await fetch(`${provisioner.url}/health/ready`)).ok;
  await waitFor(isReady, { what: `both streams have ${replicas} replicas`, timeoutMs: 90_000 });
}

async function build(replicas: number): Promise<void> {
  folder = await mkdtemp(join(tmpdir(), "turno-cluster-"));
  cluster = await startNatsCluster({ nodes: 3, storeDir: folder });
  await startProvisioner(replicas);
  stage = await createStageOn(cluster);
  gateway = await stage.start("gateway", { WHATSAPP_APP_SECRETS: SECRET, WHATSAPP_VERIFY_TOKENS: "token" });
  await stage.start("router", { LEASE_MS: "1000" });
  await configureStage(stage, { agents: 3 });
  meta = createSimulator({
    url: `${gateway.url}/webhooks/whatsapp`,
    appSecret: SECRET,
    random: createRandom(11),
    now: Date.now,
    customers: createCustomers({ count: 50, random: createRandom(1) }),
    channels: [{ accountId: "100", phoneNumberId: "123", displayPhoneNumber: "15550001111" }],
    delivery: { isStrictPerCustomer: true, retryMs: 50, retryMsMax: 250, timeoutMs: 6_000 },
    traffic: { pattern: "round-robin", mix: { text: 1 } },
  });
}

afterEach(async () => {
  await meta?.stop();
  await stage?.stop();
  await provisioner?.kill("SIGKILL");
  await cluster?.stop();
  await rm(folder, { recursive: true, force: true });
});

const acceptedCount = () => [...meta.ledger.accepted()].length;

/** Waits until POSTs are answered 200 again, counted from the end of a fault. */
async function isBack(what: string): Promise<void> {
  const before = acceptedCount();
  await waitFor(() => acceptedCount() > before + 20, {
    what: `deliveries are stored again after ${what}`,
    timeoutMs: BACK_MS_MAX,
  });
}

async function leaderOf(connection: Connection, stream: string): Promise<NatsNode> {
  const name = await waitFor(
    async () => {
      const manager = await connection.nats.jetstreamManager({ timeout: 1_000, checkAPI: false });
      return (await manager.streams.info(stream)).cluster?.leader;
    },
    { what: `${stream} has a leader`, timeoutMs: BACK_MS_MAX },
  );
  return cluster.node(name);
}

/** All that was answered 200 has taken effect once and in order, and its events are on the stream, in order. */
async function expectWhole(): Promise<void> {
  const accepted = [...meta.ledger.accepted()];
  const count = async () => (await stage.sql`select count(*)::int as count from messages`)[0]?.["count"];
  await waitFor(async () => (await count()) === accepted.length, {
    what: `${accepted.length} accepted messages have taken effect`,
    timeoutMs: 120_000,
  });
  const stored = await stage.sql<{ key: string }[]>`select key from messages`;
  expect(new Set(stored.map(({ key }) => key))).toEqual(new Set(accepted.map(({ id }) => `msg:${id}`)));
  await waitFor(async () => (await stage.sql`select from outbox limit 1`).length === 0, {
    what: "every event is published",
    timeoutMs: 90_000,
  });
  const committed = await stage.sql<{ id: string }[]>`select id from events`;
  const { ids, outOfOrder } = await readEvents();
  expect(committed.filter(({ id }) => !ids.has(id))).toEqual([]);
  expect(outOfOrder).toEqual([]);
}

async function readEvents(): Promise<{ ids: Set<string>; outOfOrder: string[] }> {
  const { lastSequence } = await readLogEnd(stage.connection, STREAMS.events);
  const reading = await readLog(stage.connection, {
    stream: STREAMS.events,
    subjects: [EVENT_SUBJECTS],
    startSequence: 1,
  });
  const ids = new Set<string>();
  const outOfOrder: string[] = [];
  const lastOf = new Map<string, number>();
  for await (const record of reading.records) {
    const { id, sequence } = JSON.parse(record.text()) as { id: string; sequence: number };
    const entity = record.header("ce-subject");
    if (!ids.has(id)) {
      if (sequence !== (lastOf.get(entity) ?? 0) + 1) outOfOrder.push(`${entity} ${sequence}`);
      lastOf.set(entity, sequence);
    }
    ids.add(id);
    if (record.sequence >= lastSequence) break;
  }
  await reading.stop();
  return { ids, outOfOrder };
}

async function killAndRestart(node: NatsNode, what: string): Promise<void> {
  await node.kill("SIGKILL");
  await isBack(`${what} was killed`);
  await node.restart();
  await isBack(`${what} came back`);
}

async function loseQuorum(): Promise<void> {
  const [first, second] = cluster.nodes;
  if (first === undefined || second === undefined) throw new Error("a cluster has three servers");
  await Promise.all([first.kill("SIGKILL"), second.kill("SIGKILL")]);
  await waitFor(async () => !(await fetch(`${gateway.url}/health/ready`)).ok, { what: "the gateway is not ready" });
  // What was on its way has its answer; from here on nothing may be answered 200.
  await pause(2_500);
  const before = acceptedCount();
  await pause(1_500);
  expect(acceptedCount()).toBe(before);
  await Promise.all([first.restart(), second.restart()]);
  await isBack("quorum was restored");
}

async function killMetaLeader(): Promise<void> {
  const name = await waitFor(() => cluster.metaLeader(), { what: "there is a meta leader", timeoutMs: BACK_MS_MAX });
  await killAndRestart(cluster.node(name), "the meta leader");
}

it("three servers: leaders killed, quorum lost, all restarted in turn; nothing answered 200 is lost, and all is back within 10 s", async () => {
  await build(3);
  const play = meta.steady({ perSecond: 150 });
  await isBack("the start");
  for (let round = 0; round < ROUNDS; round++) {
    await killAndRestart(await leaderOf(stage.connection, STREAMS.inbound), "the leader of INBOUND");
    await killAndRestart(await leaderOf(stage.connection, STREAMS.events), "the leader of EVENTS");
    await killMetaLeader();
    await loseQuorum();
    for (const node of cluster.nodes) {
      await node.restart();
      await isBack(`${node.name} was restarted in turn`);
    }
  }
  play.stop();
  await meta.drain();
  await expectWhole();
}, 240_000);

it("both streams go from one replica to three and back under load, by other settings of the provisioner, with their followers", async () => {
  await build(1);
  const manager = () => stage.connection.nats.jetstreamManager({ timeout: 2_000, checkAPI: false });
  const shape = async () => {
    const { streams, consumers } = await manager();
    const replicas = await Promise.all(
      Object.values(STREAMS).map(async (name) => (await streams.info(name)).config.num_replicas),
    );
    return [...replicas, (await consumers.list(STREAMS.events).next()).some(({ name }) => name === "bot")];
  };
  const play = meta.steady({ perSecond: 150 });
  await isBack("the start");
  expect(await shape()).toEqual([1, 1, true]);
  for (const replicas of [3, 1]) {
    await provisioner.stop();
    await startProvisioner(replicas);
    await waitFor(async () => JSON.stringify(await shape()) === JSON.stringify([replicas, replicas, true]), {
      what: `both streams have ${replicas} replicas`,
      timeoutMs: 60_000,
    });
    await isBack(`there are ${replicas} replicas`);
  }
  play.stop();
  await meta.drain();
  await expectWhole();
}, 240_000);
