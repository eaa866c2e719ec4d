import { FOLLOWERS, STREAMS } from "@turno/contracts";
import { connectToNats, createPublisher, type Connection } from "@turno/messaging";
import { startTestService, startTestNats, waitFor } from "@turno/testing";
import { rm } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "vitest";

const MIB = 1024 * 1024;

let nats: Awaited<ReturnType<typeof startTestNats>>;
let connection: Connection;
const provisioners: Awaited<ReturnType<typeof startTestService>>[] = [];
beforeEach(async () => {
  nats = await startTestNats();
  connection = await connectToNats({ url: nats.url, name: "test" });
});
afterEach(async () => {
  await Promise.all(provisioners.splice(0).map((one) => one.kill("SIGKILL")));
  await connection.close();
  await nats.stop();
});

async function start(environment: Record<string, string> = {}) {
  const provisioner = await startTestService("provisioner", { NATS_URL: nats.urlOf("provisioner"), ...environment });
  provisioners.push(provisioner);
  return provisioner;
}

async function readinessOf({ url }: { url: string }): Promise<{ status: number; reasons: string[] }> {
  const response = await fetch(`${url}/health/ready`);
  return { status: response.status, reasons: ((await response.json()) as { reasons: string[] }).reasons };
}

const becomesReady = (provisioner: { url: string }, timeoutMs = 5_000) =>
  waitFor(async () => (await readinessOf(provisioner)).status === 200, { what: "the provisioner is ready", timeoutMs });

// What is asked while the client reconnects is lost.
const manager = () => connection.nats.jetstreamManager({ timeout: 1_000 });

async function consumersOfEvents(): Promise<string[]> {
  const consumers = await (await manager()).consumers.list(STREAMS.events).next();
  return consumers.map(({ name }) => name).toSorted();
}

test("it makes both streams as its settings say, with a consumer for each follower, and changes them at its next start", async () => {
  const first = await start({ INBOUND_BYTES_MAX: "50000000", EVENTS_BYTES_MAX: "40000000" });
  await becomesReady(first);
  const { streams } = await manager();
  const sizes = async () =>
    Promise.all(Object.values(STREAMS).map(async (name) => (await streams.info(name)).config.max_bytes));
  expect(await sizes()).toEqual([50_000_000, 40_000_000]);
  expect(await consumersOfEvents()).toEqual([...FOLLOWERS].toSorted());
  await first.stop();
  await becomesReady(await start({ INBOUND_BYTES_MAX: "60000000", EVENTS_BYTES_MAX: "40000000" }));
  expect(await sizes()).toEqual([60_000_000, 40_000_000]);
});

test("what is lost is made again within 5 s, by any of several: a consumer, a stream with its consumers, the whole store", async () => {
  const two = await Promise.all([start(), start()]);
  for (const provisioner of two) await becomesReady(provisioner);
  const { streams, consumers } = await manager();
  const isWhole = async () =>
    (await streams.names().next()).length === 2 && (await consumersOfEvents()).length === FOLLOWERS.length;
  const whole = { what: "both streams and all consumers are there", timeoutMs: 5_000 };

  await consumers.delete(STREAMS.events, "bot");
  await waitFor(isWhole, whole);
  await streams.delete(STREAMS.events);
  await streams.delete(STREAMS.inbound);
  await waitFor(isWhole, whole);
  await nats.kill("SIGKILL");
  await rm(nats.streamsFolder, { recursive: true });
  await nats.restart();
  await waitFor(isWhole, whole);
  for (const provisioner of two) await becomesReady(provisioner);
});

test("before INBOUND is full one error line and the metrics say so, and EVENTS is limited by default", async () => {
  const provisioner = await start({ INBOUND_BYTES_MAX: String(16 * MIB) });
  await becomesReady(provisioner);
  const metrics = async () => (await fetch(`${provisioner.url}/metrics`)).text();
  const publisher = createPublisher(connection);
  const publish = () => publisher.publish("turno.v1.inbound.part.0", "x".repeat(MIB), { timeoutMs: 5_000 });
  for (let count = 0; count < 13; count++) await publish();
  const errors = () => provisioner.logs().filter((line) => line.includes("soon nothing more is stored"));
  await waitFor(() => errors().length > 0, { what: "it says that INBOUND is nearly full" });
  const holds = (await metrics()).match(/^turno_provisioner_bytes\{of="INBOUND".* (\d+)$/m)?.[1];
  expect(Number(holds)).toBeGreaterThan(13 * MIB);
  expect(await metrics()).toMatch(new RegExp(`^turno_provisioner_bytes_max\\{of="INBOUND".* ${16 * MIB}$`, "m"));
  expect(await metrics()).toMatch(new RegExp(`^turno_provisioner_bytes_max\\{of="EVENTS".* ${4096 * MIB}$`, "m"));
  await publish();
  const looks = async () => Number((await metrics()).match(/^turno_provisioner_looks_total.* (\d+)$/m)?.[1]);
  const before = await looks();
  await waitFor(async () => (await looks()) > before + 1, { what: "it has looked again" });
  expect(errors()).toHaveLength(1);
  publisher.close();
});

test("a stream that is not ours is refused by name and setting, and holds up no other part", async () => {
  await (
    await manager()
  ).streams.add({
    name: STREAMS.inbound,
    subjects: ["turno.v1.inbound.>"],
    storage: "memory" as never,
  });
  const provisioner = await start();
  const refused = await waitFor(
    async () => {
      const { status, reasons } = await readinessOf(provisioner);
      const isIt = status === 503 && reasons.length === 1 && reasons[0]?.startsWith("stream INBOUND: ") === true;
      return isIt ? reasons[0] : null;
    },
    { what: "only INBOUND is refused" },
  );
  expect(refused).toMatch(/^stream INBOUND: JetStream refused it: .*storage/);
  expect(await consumersOfEvents()).toHaveLength(FOLLOWERS.length);
  await (await manager()).streams.delete(STREAMS.inbound);
  await becomesReady(provisioner);
});

test("without a broker it lives and says so, and goes on when the broker comes; it stops in order either way", async () => {
  await nats.kill("SIGKILL");
  const [provisioner, other] = await Promise.all([start(), start()]);
  expect(await readinessOf(provisioner)).toEqual({ status: 503, reasons: ["the broker is away"] });
  await other.stop();
  await nats.restart();
  await becomesReady(provisioner);
  await provisioner.stop();
  expect(provisioner.logs().join("\n")).not.toContain("cannot go on");
});

test.each(["2", "0", "many"])("INBOUND_REPLICAS=%s is refused at the start", async (count) => {
  await expect(start({ INBOUND_REPLICAS: count })).rejects.toThrow(/INBOUND_REPLICAS: /);
});
