import { afterEach, beforeEach, expect, test, vi } from "vitest";
import {
  BrokerFailure,
  connectToNats,
  createPublisher,
  INBOUND_STREAM,
  provisionStream,
  PublishFailure,
  StreamFullFailure,
  type Connection,
  type Publisher,
} from "../src/index.ts";
import { startNats } from "./fixtures/nats.ts";

const SUBJECT = "turno.v1.inbound.message.0";

let running: Awaited<ReturnType<typeof startNats>>;
let connection: Connection;
let publisher: Publisher;
beforeEach(async () => {
  running = await startNats();
  connection = await connectToNats({ url: running.server.url, name: "test" });
  publisher = createPublisher(connection);
  await provisionStream(connection, INBOUND_STREAM, { bytesMax: 20_000_000 });
});
afterEach(async () => {
  publisher.close();
  await connection.close();
  await running.end();
});

const publish = (payload: string | Uint8Array, options: { id?: string; headers?: Record<string, string> } = {}) =>
  publisher.publish(SUBJECT, payload, { timeoutMs: 2_000, ...options });
const failureOf = (published: Promise<unknown>) =>
  published.then(
    () => null,
    (error: unknown) => error,
  );

test("each of many messages on their way gets its own acknowledgement, in order", async () => {
  const published = await Promise.all(Array.from({ length: 500 }, (_, index) => publish(`${index}`)));
  expect(published).toEqual(published.map((_, index) => ({ sequence: index + 1, duplicate: false })));
  const { streams } = await connection.nats.jetstreamManager();
  expect((await streams.getMessage("INBOUND", { seq: 437 })).string()).toBe("436");
  expect(publisher.inFlight).toBe(0);
});

test("headers are stored, and a repeated id is acknowledged and not stored", async () => {
  const first = await publish(new TextEncoder().encode("a"), { id: "1", headers: { "Turno-Lines": "1" } });
  expect(await publish("a", { id: "1" })).toEqual({ sequence: first.sequence, duplicate: true });
  const { streams } = await connection.nats.jetstreamManager();
  const stored = await streams.getMessage("INBOUND", { seq: first.sequence });
  expect([stored.header.get("Turno-Lines"), (await streams.info("INBOUND")).state.messages]).toEqual(["1", 1]);
});

const chain = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => {
    const id = String(from + index);
    return { subject: SUBJECT, payload: id, headers: {}, id };
  });
const storedCount = async () =>
  (await (await connection.nats.jetstreamManager()).streams.info("INBOUND")).state.messages;

test("a chain is stored whole and in order, and one acknowledgement says so", async () => {
  expect(await publisher.publishChain(chain(1, 300), { lastSequence: 0, isAtomic: false, timeoutMs: 2_000 })).toBe(300);
  expect(await publisher.publishChain(chain(301, 1), { lastSequence: 300, isAtomic: false, timeoutMs: 2_000 })).toBe(
    301,
  );
  const { streams } = await connection.nats.jetstreamManager();
  const texts = await Promise.all(
    [1, 2, 150, 300, 301].map(async (seq) => (await streams.getMessage("INBOUND", { seq })).string()),
  );
  expect(texts).toEqual(["1", "2", "150", "300", "301"]);
});

test("a chain fails where the stream ends elsewhere, holds one of its messages, or refuses one on the way", async () => {
  await publisher.publishChain(chain(1, 3), { lastSequence: 0, isAtomic: false, timeoutMs: 2_000 });
  const publishAfter = (messages: ReturnType<typeof chain>, lastSequence: number) =>
    failureOf(publisher.publishChain(messages, { lastSequence, isAtomic: false, timeoutMs: 2_000 }));
  expect(await publishAfter(chain(4, 5), 2)).toBeInstanceOf(PublishFailure);
  expect(await publishAfter([...chain(10, 4), ...chain(2, 1)], 2)).toBeInstanceOf(PublishFailure);
  expect(await storedCount()).toBe(3);

  const [first, second, third] = chain(20, 3);
  const tooLarge = { ...second, payload: "x".repeat(INBOUND_STREAM.settings["max_msg_size"] as number) };
  expect(await publishAfter([first, tooLarge, third] as never, 3)).toBeInstanceOf(PublishFailure);
  expect(await storedCount()).toBe(4);
});

test("a full stream, a subject of no stream and a message too large are failures of their own", async () => {
  const piece = "x".repeat(6_000_000);
  for (let index = 0; index < 3; index++) await publish(piece);
  expect(await failureOf(publish(piece))).toBeInstanceOf(StreamFullFailure);
  const nowhere = await failureOf(publisher.publish("turno.v1.nowhere", "a", { timeoutMs: 2_000 }));
  expect(nowhere).toMatchObject({ errorCode: 503, retryable: true });
  const tooLarge = await failureOf(publish("x".repeat(9_000_000)));
  expect(tooLarge).toBeInstanceOf(PublishFailure);
  expect(tooLarge).toMatchObject({ retryable: false });
});

test("a broker that hangs fails at the deadline, and its late acknowledgement does no harm", async () => {
  await running.server.kill("SIGSTOP");
  const startedAt = performance.now();
  const failure = await failureOf(publisher.publish(SUBJECT, "late", { timeoutMs: 300 }));
  expect(failure).toBeInstanceOf(BrokerFailure);
  expect(performance.now() - startedAt).toBeLessThan(600);
  await running.server.kill("SIGCONT");
  // The late message was stored all the same: whoever publishes it again needs an id.
  expect(await publish("next")).toEqual({ sequence: 2, duplicate: false });
});

test("when the broker goes away, what is on its way fails at once, what comes too, and it works after its return", async () => {
  await running.server.kill("SIGSTOP");
  const held = Array.from({ length: 10 }, () => failureOf(publisher.publish(SUBJECT, "held", { timeoutMs: 60_000 })));
  await running.server.kill("SIGKILL");
  for (const failure of await Promise.all(held)) expect(failure).toBeInstanceOf(BrokerFailure);
  expect(connection.isConnected).toBe(false);
  expect(await failureOf(publish("away"))).toBeInstanceOf(BrokerFailure);
  expect(publisher.inFlight).toBe(0);
  await running.server.restart();
  const back = await vi.waitFor(() => publish("back"), { timeout: 10_000, interval: 10 });
  expect(back.duplicate).toBe(false);
});
