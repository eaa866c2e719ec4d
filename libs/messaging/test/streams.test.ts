import { expect, test } from "vitest";
import {
  BrokerFailure,
  EVENTS_STREAM,
  INBOUND_STREAM,
  provisionStream,
  ServerVersionFailure,
  StreamSettingFailure,
  type Connection,
} from "../src/index.ts";

interface TestServer {
  version: string;
  /** Answers an API call, or throws as a server does that has no leader. */
  answer(verb: string, asked: Record<string, unknown>): object;
}

/** A connection to a server that is only an answer to the JetStream API. */
function connectionTo(server: TestServer): { connection: Connection; calls: [string, Record<string, unknown>][] } {
  const calls: [string, Record<string, unknown>][] = [];
  const nats = {
    info: { version: server.version },
    request: (subject: string, payload: string) => {
      const [verb, asked] = [subject.replace("$JS.API.", ""), JSON.parse(payload) as Record<string, unknown>];
      const isProbe = "turno_unknown" in asked;
      if (!isProbe) calls.push([verb, asked]);
      return new Promise((resolve) => {
        const reply = isProbe ? UNKNOWN_FIELD : server.answer(verb, asked);
        resolve({ json: () => reply });
      });
    },
  };
  return { connection: { nats, isConnected: true } as unknown as Connection, calls };
}

const UNKNOWN_FIELD = { error: { code: 400, err_code: 10025, description: "invalid JSON: json: unknown field" } };
const NOT_FOUND = { error: { code: 404, err_code: 10059, description: "stream not found" } };
const CREATED_AT = "2026-11-22T00:00:00Z";

test("what an old server ignores silently is told by name, as asked and as echoed", async () => {
  const { connection } = connectionTo({
    version: "2.15.1",
    answer: (verb, asked) => {
      if (verb.startsWith("STREAM.INFO")) return NOT_FOUND;
      const { discard: _ignored, ...known } = asked;
      return { config: { ...known, discard: "old" }, created: CREATED_AT };
    },
  });
  const failure: unknown = await provisionStream(connection, INBOUND_STREAM).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(StreamSettingFailure);
  expect(failure).toMatchObject({ stream: "INBOUND", setting: "discard", asked: "new", echoed: "old" });
});

test("several replicas of the events stream need a server that takes atomic batches, and are asked for them", async () => {
  const answer: TestServer["answer"] = (verb, asked) =>
    verb.startsWith("STREAM.INFO") ? NOT_FOUND : { config: asked, created: CREATED_AT };
  const old = connectionTo({ version: "2.11.9", answer });
  await expect(provisionStream(old.connection, EVENTS_STREAM, { replicas: 3 })).rejects.toThrow(ServerVersionFailure);
  await expect(provisionStream(old.connection, EVENTS_STREAM, { replicas: 3 })).rejects.toThrow("2.12");
  const { connection, calls } = connectionTo({ version: "2.12.0", answer });
  await provisionStream(connection, EVENTS_STREAM, { replicas: 3 });
  expect(calls.at(-1)?.[1]["allow_atomic"]).toBe(true);
});

test("a stream that no server leads is not as it must be, though it is as it was asked", async () => {
  const { connection } = connectionTo({
    version: "2.15.1",
    answer: () => ({ config: { name: "INBOUND", ...INBOUND_STREAM.settings }, created: CREATED_AT, cluster: {} }),
  });
  const provisioned = provisionStream(connection, INBOUND_STREAM, { waitMsMax: 0 });
  await expect(provisioned).rejects.toThrow("stream INBOUND has no leader");
});

test("a server that cannot sync before it acknowledges is refused", async () => {
  const { connection, calls } = connectionTo({ version: "2.9.10", answer: () => NOT_FOUND });
  await expect(provisionStream(connection, INBOUND_STREAM)).rejects.toThrow(ServerVersionFailure);
  await expect(provisionStream(connection, INBOUND_STREAM)).rejects.toThrow("2.9.10");
  expect(calls).toEqual([]);
});

test.each([
  ["2.15.1", 1, "async"],
  ["2.12.0", undefined, "async"],
  ["2.11.9", 1, undefined],
  ["2.15.1", 3, undefined],
])("on %s with %s replicas the events stream is asked to persist %s", async (version, replicas, mode) => {
  const { connection, calls } = connectionTo({
    version,
    answer: (verb, asked) => (verb.startsWith("STREAM.INFO") ? NOT_FOUND : { config: asked, created: CREATED_AT }),
  });
  await provisionStream(connection, EVENTS_STREAM, replicas === undefined ? {} : { replicas });
  expect(calls.at(-1)?.[1]["persist_mode"]).toBe(mode);
});

test("a missing leader is waited for, and another creator is met", async () => {
  const answers = [
    { error: { code: 503, err_code: 10008, description: "JetStream system temporarily unavailable" } },
    NOT_FOUND,
    { error: { code: 400, err_code: 10058, description: "stream name already in use" } },
    { config: { name: "INBOUND", ...INBOUND_STREAM.settings }, created: CREATED_AT },
  ];
  const { connection, calls } = connectionTo({ version: "2.15.1", answer: () => answers.shift() ?? {} });
  await expect(provisionStream(connection, INBOUND_STREAM)).resolves.toEqual({
    name: "INBOUND",
    createdAt: CREATED_AT,
    wasCreated: false,
  });
  expect(calls.map(([verb]) => verb.split(".")[1])).toEqual(["INFO", "INFO", "CREATE", "INFO"]);
});

test("waiting for a leader ends", async () => {
  const { connection } = connectionTo({ version: "2.15.1", answer: () => ({ error: { code: 503 } }) });
  await expect(provisionStream(connection, INBOUND_STREAM, { waitMsMax: 50 })).rejects.toThrow(BrokerFailure);
});
