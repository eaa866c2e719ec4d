import { BrokerFailure } from "@turno/messaging";
import { createLogger, listen, type ListeningServer } from "@turno/runtime";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createGatewayApp } from "../src/app.ts";
import { createBodyReader } from "../src/body.ts";
import { DEFAULT_APP } from "../src/config.ts";
import { createDeliveryHandler } from "../src/delivery.ts";
import { createLanes, type Lanes } from "../src/lanes.ts";
import { createGatewayMetrics, type GatewayMetrics } from "../src/metrics.ts";
import { deliveryOf, messagesBody, PATH, post, SECRET, signedHeaders } from "./fixtures/deliveries.ts";
import { createTestPublisher, type TestPublisher } from "./fixtures/publisher.ts";

let publisher: TestPublisher;
let lanes: Lanes;
let metrics: GatewayMetrics;
let listening: ListeningServer;
let url: string;
let createId: () => string;
beforeEach(async () => {
  createId = () => "id";
  publisher = createTestPublisher();
  metrics = createGatewayMetrics({
    waitingBytes: () => 0,
    waitingDeliveries: () => 0,
    isConnected: () => true,
    isStoring: () => true,
  });
  lanes = createLanes(publisher, metrics);
  const deliveries = createDeliveryHandler({
    lanes,
    metrics,
    bodies: createBodyReader({ bytesMax: 4 * 1024 * 1024, totalBytesMax: 16 * 1024 * 1024 }),
    logger: createLogger("gateway", "silent"),
    now: () => "2025-11-22T22:20:05.000Z",
    createId: () => createId(),
    isStopping: () => false,
  });
  const credentials = new Map([
    [DEFAULT_APP, { secrets: ["new", SECRET], verifyTokens: ["old-token", "token"] }],
    ["two", { secrets: ["second"], verifyTokens: ["second-token"] }],
    ["bound", { secrets: ["third"], verifyTokens: ["third-token"], accounts: ["2"] }],
  ]);
  for (const [key, { secrets }] of credentials) metrics.expect(key, secrets.length);
  const operations = {
    registry: metrics.registry,
    readiness: () => ({ isReady: true, reasons: [] }),
    onDefect: (error: unknown) => {
      throw error;
    },
  };
  const config = { PORT: 0, LISTEN_ADDRESS: "127.0.0.1" };
  listening = await listen(createGatewayApp(credentials, deliveries), config, operations);
  url = `http://127.0.0.1:${listening.port}`;
});
afterEach(async () => {
  lanes.close();
  listening.server.closeAllConnections();
  await listening.close();
});

const ask = (query: string, path = PATH) => fetch(`${url}${path}?${query}`);

describe("the handshake", () => {
  test("echoes the challenge as plain text for each of the tokens", async () => {
    for (const token of ["old-token", "token"]) {
      const response = await ask(`hub.mode=subscribe&hub.verify_token=${token}&hub.challenge=1158201444`);
      expect([response.status, await response.text()]).toEqual([200, "1158201444"]);
      expect(response.headers.get("content-type")).toMatch(/^text\/plain/);
    }
  });
  test.each([
    ["another token", "hub.mode=subscribe&hub.verify_token=x&hub.challenge=1"],
    ["another mode", "hub.mode=unsubscribe&hub.verify_token=token&hub.challenge=1"],
    ["no challenge", "hub.mode=subscribe&hub.verify_token=token"],
    ["a challenge too long", `hub.mode=subscribe&hub.verify_token=token&hub.challenge=${"1".repeat(257)}`],
    ["a challenge that is not printable", "hub.mode=subscribe&hub.verify_token=token&hub.challenge=%00"],
    ["another app's token", "hub.mode=subscribe&hub.verify_token=second-token&hub.challenge=1"],
  ])("refuses %s", async (_case, query) => {
    expect((await ask(query)).status).toBe(403);
  });
  test("knows each app by its path, and no other", async () => {
    const query = "hub.mode=subscribe&hub.verify_token=second-token&hub.challenge=1";
    expect((await ask(query, `${PATH}/two`)).status).toBe(200);
    expect((await ask(query, `${PATH}/three`)).status).toBe(404);
  });
});

describe("what is not Meta's is refused before anything is stored", () => {
  const body = messagesBody(["wamid.1"]);
  test.each<[string, number, string, RequestInit]>([
    ["another method", 405, PATH, { method: "PUT", body }],
    ["an unknown app", 404, `${PATH}/three`, { method: "POST", body, headers: signedHeaders(body) }],
    ["an unknown app before a wrong type", 404, `${PATH}/three`, { method: "POST", body }],
    ["another type", 415, PATH, { method: "POST", body, headers: { "content-type": "text/plain" } }],
    ["no signature", 401, PATH, { method: "POST", body, headers: { "content-type": "application/json" } }],
    [
      "a malformed signature",
      401,
      PATH,
      { method: "POST", body, headers: { ...signedHeaders(body), "x-hub-signature-256": "sha256=00" } },
    ],
    ["a wrong signature", 401, PATH, { method: "POST", body, headers: signedHeaders(body, "x") }],
    ["another app's signature", 401, PATH, { method: "POST", body, headers: signedHeaders(body, "second") }],
    ["a changed body", 401, PATH, { method: "POST", body: `${body} `, headers: signedHeaders(body) }],
  ])("%s: %i", async (_case, status, path, request) => {
    const response = await fetch(url + path, request);
    expect(response.status).toBe(status);
    expect(response.headers.get("allow")).toBe(status === 405 ? "GET, POST" : null);
    expect(publisher.records).toEqual([]);
  });
  test("more than 4 MB", async () => {
    expect((await post(url, messagesBody(["wamid.1"], 1, "x".repeat(4 * 1024 * 1024)))).status).toBe(413);
    expect(publisher.records).toEqual([]);
  });
  test("an app's delivery for an account of another app: it is kept, takes no effect, and shows in the metrics", async () => {
    publisher.acknowledgeAll();
    expect((await post(url, body, { secret: "third", path: `${PATH}/bound` })).status).toBe(200);
    expect(publisher.records.map(({ subject }) => subject)).toEqual(["turno.v1.inbound.unrecognised.0"]);
    expect(await metrics.registry.metrics()).toMatch(/turno_gateway_foreign_total\{app="bound"[^}]*\} 1/);
    expect(await metrics.registry.metrics()).toMatch(/turno_gateway_unrecognised_total\{what="foreign"[^}]*\} 1/);
  });
  test("a mismatch shows in the metrics of its app, from its first time on", async () => {
    expect(await metrics.registry.metrics()).toMatch(/turno_gateway_signature_mismatch_total\{app="two"[^}]*\} 0/);
    await post(url, body, { secret: "x", path: `${PATH}/two` });
    expect(await metrics.registry.metrics()).toMatch(/turno_gateway_signature_mismatch_total\{app="two"[^}]*\} 1/);
    expect(await metrics.registry.metrics()).toMatch(
      /turno_gateway_signature_mismatch_total\{app="\(default\)"[^}]*\} 0/,
    );
  });
  test("each secret shows when it signed last, so that nobody removes one that is in use", async () => {
    publisher.acknowledgeAll();
    const before = Math.floor(Date.now() / 1000);
    await post(url, body);
    const text = await metrics.registry.metrics();
    const used = /turno_gateway_secret_used_timestamp_seconds\{app="\(default\)",secret="(\d)"[^}]*\} ([\d.]+)/g;
    const [first, second] = [...text.matchAll(used)].map(([, secret, at]) => [secret, Number(at)] as const);
    expect(first).toEqual(["1", 0]);
    expect(second?.[0]).toBe("2");
    expect(second?.[1]).toBeGreaterThanOrEqual(before);
    expect(text).toMatch(/turno_gateway_secret_signed_total\{app="\(default\)",secret="2"[^}]*\} 1/);
  });
});

describe("a signed delivery", () => {
  test("is answered 200 only after every one of its records is acknowledged", async () => {
    const answers: number[] = [];
    const status = { id: "wamid.0", status: "read", timestamp: "1763850000" };
    const message = { id: "wamid.1", from: "5511987654321", timestamp: "1763850000", type: "text" };
    const answered = post(url, deliveryOf({ messages: [message], statuses: [status] })).then((answer) => {
      answers.push(answer.status);
      return answer;
    });
    await expect.poll(() => publisher.records.length).toBe(2);
    publisher.records[0]?.acknowledge();
    // Another delivery goes all the way while the first still waits for its second record.
    const empty = await post(url, '{"object":"whatsapp_business_account","entry":[]}');
    expect([empty.status, answers]).toEqual([200, []]);
    publisher.records[1]?.acknowledge();
    expect((await answered).status).toBe(200);
  });
  test("may be signed with an old secret or another app's own", async () => {
    publisher.acknowledgeAll();
    expect((await post(url, messagesBody(["wamid.1"]), { secret: "new" })).status).toBe(200);
    expect((await post(url, messagesBody(["wamid.2"]), { secret: "second", path: `${PATH}/two` })).status).toBe(200);
    expect(publisher.records.flatMap((record) => record.keys)).toEqual(["msg:wamid.1", "msg:wamid.2"]);
  });
  test("that is not JSON is kept raw and answered 200", async () => {
    publisher.acknowledgeAll();
    expect((await post(url, "no json at all")).status).toBe(200);
    expect(publisher.records.map((record) => record.subject)).toEqual(["turno.v1.inbound.unrecognised.0"]);
  });
  test("that cannot be stored is answered 503, and when to come again", async () => {
    const answered = post(url, messagesBody(["wamid.1"]));
    await expect.poll(() => publisher.records.length).toBe(1);
    publisher.records[0]?.refuse(new BrokerFailure("the stream is full"));
    expect(await answered).toMatchObject({ status: 503, retryAfter: "1" });
  });
  test("that a defect meets is answered 500, and counted", async () => {
    const answered = post(url, messagesBody(["wamid.1"]));
    await expect.poll(() => publisher.records.length).toBe(1);
    publisher.records[0]?.refuse(new TypeError("planted"));
    expect(await answered).toMatchObject({ status: 500, retryAfter: null });
    expect(await metrics.registry.metrics()).toMatch(/turno_gateway_defects_total\{stage="delivery"[^}]*\} 1/);
  });
  test("that the splitter has a defect with is kept whole, counted, and answered 200", async () => {
    publisher.acknowledgeAll();
    createId = () => {
      throw new TypeError("planted");
    };
    // An error has no id of its own.
    const change = { field: "messages", value: { errors: [{ code: 1 }] } };
    const body = JSON.stringify({ object: "whatsapp_business_account", entry: [{ id: "1", changes: [change] }] });
    expect((await post(url, body)).status).toBe(200);
    expect(publisher.records.map((record) => record.subject)).toEqual(["turno.v1.inbound.unrecognised.0"]);
    expect(await metrics.registry.metrics()).toMatch(/turno_gateway_defects_total\{stage="splitter"[^}]*\} 1/);
  });
});
