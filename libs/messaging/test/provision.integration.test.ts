import { afterEach, beforeEach, expect, test } from "vitest";
import {
  connectToNats,
  EVENTS_STREAM,
  INBOUND_STREAM,
  provisionStream,
  StreamRefusedFailure,
  type Connection,
} from "../src/index.ts";
import { startNats } from "./fixtures/nats.ts";

let running: Awaited<ReturnType<typeof startNats>>;
let connection: Connection;
beforeEach(async () => {
  running = await startNats();
  connection = await connectToNats({ url: running.server.url, name: "test" });
});
afterEach(async () => {
  await connection.close();
  await running.end();
});

const configOf = async (stream: string) => {
  const reply = await connection.nats.request(`$JS.API.STREAM.INFO.${stream}`);
  return reply.json<{ config: Record<string, unknown> }>().config;
};

test("both streams are made as they are defined, once, by whoever comes first", async () => {
  const rounds = await Promise.all(
    [INBOUND_STREAM, INBOUND_STREAM, INBOUND_STREAM, EVENTS_STREAM, EVENTS_STREAM].map((definition) =>
      provisionStream(connection, definition),
    ),
  );
  const instants = (name: string) => new Set(rounds.filter((one) => one.name === name).map((one) => one.createdAt));
  expect([instants("INBOUND").size, instants("EVENTS").size]).toEqual([1, 1]);
  expect(await configOf("INBOUND")).toMatchObject(INBOUND_STREAM.settings);
  expect(await configOf("EVENTS")).toMatchObject({ ...EVENTS_STREAM.settings, persist_mode: "async" });
});

test("an existing stream is brought to its definition, and what an operator set beside it stays", async () => {
  const { streams } = await connection.nats.jetstreamManager();
  await streams.add({ name: "INBOUND", subjects: ["turno.v1.inbound.>"], max_age: 1e9, description: "ours" });
  await provisionStream(connection, INBOUND_STREAM, { bytesMax: 50_000_000 });
  await provisionStream(connection, INBOUND_STREAM);
  expect(await configOf("INBOUND")).toMatchObject({
    ...INBOUND_STREAM.settings,
    max_bytes: 50_000_000,
    description: "ours",
  });
});

test("an events stream that was made without asynchronous persistence is taken as it is", async () => {
  const { streams } = await connection.nats.jetstreamManager();
  await streams.add({ name: "EVENTS", subjects: ["turno.v1.event.>"] });
  await expect(provisionStream(connection, EVENTS_STREAM)).resolves.toMatchObject({ wasCreated: false });
});

test("a stream that cannot be changed into ours is refused for good", async () => {
  const { streams } = await connection.nats.jetstreamManager();
  await streams.add({ name: "INBOUND", subjects: ["turno.v1.inbound.>"], storage: "memory" as never });
  await expect(provisionStream(connection, INBOUND_STREAM)).rejects.toThrow(StreamRefusedFailure);
});

test("a broker that comes back is waited for", async () => {
  await running.server.kill("SIGKILL");
  const provisioned = provisionStream(connection, INBOUND_STREAM);
  await running.server.restart();
  await expect(provisioned).resolves.toMatchObject({ name: "INBOUND" });
});

test("a JetStream that takes what it does not know is refused, in words that say what to set", async () => {
  const lax = await startNats({ isApiStrict: false });
  const toLax = await connectToNats({ url: lax.server.url, name: "test" });
  await expect(provisionStream(toLax, INBOUND_STREAM)).rejects.toThrow(
    /set `strict: true` in nats-server's `jetstream`/,
  );
  await toLax.close();
  await lax.end();
});
