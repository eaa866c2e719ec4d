import { connectToNats } from "@turno/messaging";
import { provisionTestNats, startTestService, startTestNats, waitFor } from "@turno/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { messagesBody, post, SECRET } from "./fixtures/deliveries.ts";
import { readStored } from "./fixtures/stored.ts";

let nats: Awaited<ReturnType<typeof startTestNats>>;
beforeEach(async () => {
  nats = await startTestNats();
});
afterEach(() => nats.stop());

const environment = () => ({
  NATS_URL: nats.urlOf("gateway"),
  WHATSAPP_APP_SECRETS: SECRET,
  WHATSAPP_VERIFY_TOKENS: "token",
});

test("without a broker the gateway lives, refuses deliveries, and stores them within 2 s of its coming", async () => {
  await provisionTestNats(nats);
  await nats.kill("SIGKILL");
  const gateway = await startTestService("gateway", environment());
  try {
    expect((await fetch(`${gateway.url}/health/live`)).status).toBe(200);
    const ready = await fetch(`${gateway.url}/health/ready`);
    expect([ready.status, await ready.json()]).toEqual([503, { status: "not ready", reasons: ["the broker is away"] }]);
    expect((await post(gateway.url, messagesBody(["wamid.1"]))).status).toBe(503);
    await nats.restart();
    await waitFor(async () => (await post(gateway.url, messagesBody(["wamid.2"]))).status === 200, {
      what: "the gateway stores",
      timeoutMs: 2_000,
    });
    expect((await fetch(`${gateway.url}/health/ready`)).status).toBe(200);
    expect((await readStored(nats.url)).map((line) => line.key)).toEqual(["msg:wamid.2"]);
  } finally {
    await gateway.stop();
  }
});

test("without its stream the gateway refuses deliveries and says so, and makes none itself", async () => {
  const gateway = await startTestService("gateway", environment());
  try {
    const ready = await fetch(`${gateway.url}/health/ready`);
    expect([ready.status, await ready.json()]).toEqual([
      503,
      {
        status: "not ready",
        reasons: ["the stream INBOUND is missing: the provisioner makes it, is it running?"],
      },
    ]);
    expect((await post(gateway.url, messagesBody(["wamid.1"]))).status).toBe(503);
    await provisionTestNats(nats);
    await waitFor(async () => (await fetch(`${gateway.url}/health/ready`)).status === 200, { what: "it is ready" });
    expect((await post(gateway.url, messagesBody(["wamid.1"]))).status).toBe(200);
  } finally {
    await gateway.stop();
  }
});

test("a stream that is not what the gateway needs refuses the start", async () => {
  const connection = await connectToNats({ url: nats.url, name: "test" });
  const { streams } = await connection.nats.jetstreamManager();
  await streams.add({ name: "INBOUND", subjects: ["turno.v1.inbound.>"], storage: "memory" as never });
  await connection.close();
  await expect(startTestService("gateway", environment())).rejects.toThrow(/stream INBOUND: storage was asked as/);
});

test("of two gateways that start at once, a stopping one answers what is under way", async () => {
  await provisionTestNats(nats);
  const gateways = await Promise.all([1, 2].map(() => startTestService("gateway", environment())));
  const [first, second] = gateways;
  if (first === undefined || second === undefined) throw new Error("two gateways were started");
  const answers = Promise.all(
    gateways.flatMap((gateway, index) =>
      Array.from({ length: 20 }, (_, round) => post(gateway.url, messagesBody([`wamid.${index}.${round}`]))),
    ),
  );
  const stopped = first.stop();
  const statuses = (await answers).map((answer) => answer.status);
  await stopped;
  await second.stop();
  const stored = new Set((await readStored(nats.url)).map((line) => line.key));
  const promised = statuses.flatMap((status, at) =>
    status === 200 ? [`msg:wamid.${Math.floor(at / 20)}.${at % 20}`] : [],
  );
  expect(promised.filter((key) => !stored.has(key))).toEqual([]);
  expect(promised.filter((key) => key.startsWith("msg:wamid.1.")).length).toBe(20);
});
