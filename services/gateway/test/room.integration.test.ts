import { connectToNats, provisionStream, INBOUND_STREAM, type Connection } from "@turno/messaging";
import { provisionTestNats, startTestService, startTestNats, waitFor } from "@turno/testing";
import { afterEach, expect, test } from "vitest";
import { messagesBody, post, SECRET } from "./fixtures/deliveries.ts";
import { readStored } from "./fixtures/stored.ts";

const MIB = 1024 * 1024;

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

async function start(options: NonNullable<Parameters<typeof startTestNats>[0]>) {
  const nats = await startTestNats(options);
  ends.push(() => nats.stop());
  const connection = await connectToNats({ url: nats.url, name: "test" });
  ends.push(() => connection.close());
  return { nats, connection };
}

async function startGateway(natsUrl: string, environment: Record<string, string> = {}) {
  const gateway = await startTestService("gateway", {
    NATS_URL: natsUrl,
    WHATSAPP_APP_SECRETS: SECRET,
    WHATSAPP_VERIFY_TOKENS: "token",
    ...environment,
  });
  ends.push(() => gateway.kill("SIGKILL"));
  return gateway;
}

async function readinessOf({ url }: { url: string }): Promise<{ status: number; reasons: string[] }> {
  const response = await fetch(`${url}/health/ready`);
  return { status: response.status, reasons: ((await response.json()) as { reasons: string[] }).reasons };
}

const hold = (connection: Connection, stream: string) =>
  connection.nats.jetstreamManager().then(({ streams }) => streams.info(stream));

test("on a broker that takes 1 MiB a message a delivery with an update of 3 MB is stored whole, and so are the others of it", async () => {
  const { nats } = await start({ maxPayloadBytes: MIB });
  await provisionTestNats(nats);
  const gateway = await startGateway(nats.urlOf("gateway"));
  const large = JSON.stringify({ text: "ñ👋".repeat(500_000) });
  const body = messagesBody(["wamid.small", "wamid.large"], 2).replace(
    /Hola"(?=[^H]*$)/,
    JSON.stringify(large).slice(1),
  );
  expect((await post(gateway.url, body)).status).toBe(200);
  expect((await readinessOf(gateway)).status).toBe(200);
  const stored = await readStored(nats.url);
  expect(stored.map(({ key }) => key).toSorted()).toEqual(["msg:wamid.large", "msg:wamid.small"]);
  const update = stored.find(({ key }) => key === "msg:wamid.large")?.update as { text: { body: string } };
  expect(update.text.body).toBe(large);
});

test("while nothing is stored the gateway is not ready and says since when and why, and it is ready again by itself", async () => {
  const { nats, connection } = await start({});
  await provisionTestNats(nats);
  await provisionStream(connection, INBOUND_STREAM, { bytesMax: 2 * MIB });
  const gateway = await startGateway(nats.urlOf("gateway"));
  const text = "x".repeat(600_000);
  const answers: number[] = [];
  for (let index = 0; index < 5; index++) {
    answers.push((await post(gateway.url, messagesBody([`wamid.${index}`], 1, text))).status);
  }
  expect(answers).toEqual([200, 200, 200, 503, 503]);
  const { status, reasons } = await readinessOf(gateway);
  expect([status, reasons]).toEqual([
    503,
    [expect.stringMatching(/^nothing has been stored since 20\S+Z: JetStream refused: maximum bytes exceeded/)],
  ]);
  expect(await (await fetch(`${gateway.url}/metrics`)).text()).toMatch(/turno_gateway_storing\{[^}]*\} 0/);
  // Nothing is posted: a balancer sends nothing to a gateway that is not ready.
  await provisionStream(connection, INBOUND_STREAM, { bytesMax: 20 * MIB });
  await waitFor(async () => (await readinessOf(gateway)).status === 200, { what: "the gateway is ready again" });
  expect((await post(gateway.url, messagesBody(["wamid.room"]))).status).toBe(200);
});

test("EVENTS gives way first: at its own limit it drops its oldest, and INBOUND goes on storing", async () => {
  const { nats, connection } = await start({ storeBytesMax: 48 * MIB });
  const provisioner = await startTestService("provisioner", {
    NATS_URL: nats.urlOf("provisioner"),
    EVENTS_BYTES_MAX: String(16 * MIB),
  });
  ends.push(() => provisioner.kill("SIGKILL"));
  await waitFor(async () => (await readinessOf(provisioner)).status === 200, { what: "the streams are there" });
  const gateway = await startGateway(nats.urlOf("gateway"));
  const jetstream = connection.nats.jetstream();
  for (let index = 0; index < 64; index++) await jetstream.publish("turno.v1.event.flood.came.-.1", "x".repeat(MIB));
  const { state } = await hold(connection, "EVENTS");
  expect(state.first_seq).toBeGreaterThan(40);
  expect(state.bytes).toBeLessThanOrEqual(16 * MIB);
  for (let index = 0; index < 8; index++) {
    const body = messagesBody([`wamid.${index}`], 1, "x".repeat(2 * MIB));
    expect((await post(gateway.url, body)).status).toBe(200);
  }
});

test("a gateway that is told to stop says first that it is not ready, and takes deliveries until its grace is over", async () => {
  const { nats } = await start({});
  await provisionTestNats(nats);
  const gateway = await startGateway(nats.urlOf("gateway"), { STOP_GRACE_MS: "6000" });
  const stopped = gateway.stop();
  await waitFor(async () => (await readinessOf(gateway)).status === 503, { what: "it is not ready" });
  expect((await readinessOf(gateway)).reasons).toEqual(["stopping"]);
  expect((await post(gateway.url, messagesBody(["wamid.late"]))).status).toBe(200);
  await stopped;
  expect((await post(gateway.url, messagesBody(["wamid.too-late"]))).status).toBe(0);
  expect((await readStored(nats.url)).map(({ key }) => key)).toEqual(["msg:wamid.late"]);
});
