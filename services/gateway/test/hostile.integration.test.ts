import { provisionTestNats, startTestService, startTestNats, waitFor } from "@turno/testing";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { messagesBody, PATH, post, SECRET, signedHeaders } from "./fixtures/deliveries.ts";

let nats: Awaited<ReturnType<typeof startTestNats>>;
let gateway: Awaited<ReturnType<typeof startTestService>>;
beforeAll(async () => {
  nats = await startTestNats();
  await provisionTestNats(nats);
  gateway = await startTestService("gateway", {
    NATS_URL: nats.urlOf("gateway"),
    WHATSAPP_APP_SECRETS: SECRET,
    WHATSAPP_VERIFY_TOKENS: "token",
  });
});
afterAll(async () => {
  await gateway?.stop();
  await nats?.stop();
});

const SIGNATURE = signedHeaders("x")["x-hub-signature-256"] ?? "";
const head = (lines: string[]) =>
  [
    `POST ${PATH} HTTP/1.1`,
    "host: localhost",
    "content-type: application/json",
    `x-hub-signature-256: ${SIGNATURE}`,
    ...lines,
    "",
    "",
  ].join("\r\n");

interface RawConnection {
  socket: Socket;
  heard: () => string;
  isOver: () => boolean;
}

async function open(): Promise<RawConnection> {
  const socket = connect(gateway.port, "127.0.0.1");
  let heard = "";
  let isOver = false;
  socket.on("data", (bytes) => (heard += bytes.toString("latin1")));
  // A reset is one of the ways in which a server ends a connection.
  socket.on("error", () => undefined);
  socket.on("close", () => (isOver = true));
  await once(socket, "connect");
  return { socket, heard: () => heard, isOver: () => isOver };
}

/** A figure of the gateway's metrics; 0 before it is there. */
async function figure(name: RegExp): Promise<number> {
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  const line = metrics.split("\n").find((text) => name.test(text));
  return Number(line?.split(" ").at(-1) ?? 0);
}

const residentBytes = () => figure(/^process_resident_memory_bytes/);
const abortedCount = () => figure(/^turno_gateway_deliveries_total\{.*"aborted"/);

const PIECE = Buffer.alloc(64 * 1024, "x");
const CHUNK = Buffer.concat([Buffer.from(`${PIECE.length.toString(16)}\r\n`), PIECE, Buffer.from("\r\n")]);

/**
 * Eight senders at once of whom each sends until it is cut. Whether they hear the answer is up to them: who still writes when
 * the connection ends meets a reset, which may come before what lies there to be read.
 */
async function sendWithoutEnd(): Promise<void> {
  const senders = await Promise.all(Array.from({ length: 8 }, open));
  for (const { socket, isOver } of senders) {
    const pump = () => {
      while (!isOver() && socket.write(CHUNK));
    };
    socket.on("drain", pump);
    socket.write(head(["transfer-encoding: chunked"]));
    pump();
  }
  for (const { socket, isOver } of senders) {
    await waitFor(isOver, { what: "the connection ends" });
    expect(socket.bytesWritten).toBeGreaterThan(4 * 1024 * 1024);
  }
}

describe("a body of more than 4 MB", () => {
  test("is refused by its declared length, before it is sent", async () => {
    const { socket, heard, isOver } = await open();
    socket.write(head([`content-length: ${1024 ** 3}`]));
    await waitFor(isOver, { what: "the connection ends" });
    expect(heard()).toMatch(/^HTTP\/1\.1 413 /);
  });
  test("is refused while it comes in chunks, which the sender hears", async () => {
    const { socket, heard, isOver } = await open();
    socket.write(head(["transfer-encoding: chunked"]));
    for (let sent = 0; sent <= 5 * 1024 * 1024; sent += PIECE.length) socket.write(CHUNK);
    await waitFor(isOver, { what: "the connection ends" });
    expect(heard()).toMatch(/^HTTP\/1\.1 413 /);
  });
  test("is cut where it never ends, and memory stays flat", async () => {
    await sendWithoutEnd();
    const before = await residentBytes();
    for (let wave = 0; wave < 4; wave++) await sendWithoutEnd();
    expect((await residentBytes()) - before).toBeLessThan(64 * 1024 * 1024);
  });
});

describe("a slow sender is cut", () => {
  test("who does not finish the head, and who does not finish the body, while others are served", async () => {
    const [slowHead, slowBody, silent] = await Promise.all([open(), open(), open()]);
    slowHead.socket.write(`POST ${PATH} HTTP/1.1\r\nhost: localhost\r\n`);
    slowBody.socket.write(head(["content-length: 1000"]));
    const drip = setInterval(() => {
      if (!slowHead.isOver()) slowHead.socket.write("x-drip: 1\r\n");
      if (!slowBody.isOver()) slowBody.socket.write("x");
    }, 200);
    try {
      expect((await post(gateway.url, messagesBody(["wamid.fast"]))).status).toBe(200);
      await waitFor(slowHead.isOver, { what: "the slow head is cut", timeoutMs: 8_000 });
      await waitFor(slowBody.isOver, { what: "the slow body is cut", timeoutMs: 8_000 });
      await waitFor(silent.isOver, { what: "the silent one is cut", timeoutMs: 8_000 });
    } finally {
      clearInterval(drip);
      for (const { socket } of [slowHead, slowBody, silent]) socket.destroy();
    }
    expect(slowHead.heard() + slowBody.heard()).not.toContain("200 OK");
  });
});

test("a sender who goes away in the middle of a body is counted and holds nothing", async () => {
  const before = await abortedCount();
  const { socket } = await open();
  socket.write(`${head(["content-length: 1000"])}half`);
  socket.end();
  await waitFor(async () => (await abortedCount()) > before, { what: "the aborted delivery is counted" });
  expect((await post(gateway.url, messagesBody(["wamid.after"]))).status).toBe(200);
});
