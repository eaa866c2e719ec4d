import { startService, startTestNats, waitFor } from "@turno/testing";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { messagesBody, PATH, post, SECRET, signedHeaders } from "./fixtures/deliveries.ts";

let nats: Awaited<ReturnType<typeof startTestNats>>;
let gateway: Awaited<ReturnType<typeof startService>>;
beforeAll(async () => {
  nats = await startTestNats();
  gateway = await startService("gateway", {
    NATS_URL: nats.url,
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
  heard(): string;
  isOver(): boolean;
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

async function residentBytes(): Promise<number> {
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  return Number(/^process_resident_memory_bytes\S* (\S+)$/m.exec(metrics)?.[1]);
}

describe("a body of more than 4 MB", () => {
  test("is refused by its declared length, before it is sent", async () => {
    const { socket, heard, isOver } = await open();
    socket.write(head([`content-length: ${1024 ** 3}`]));
    await waitFor(() => heard().includes("413"), { what: "the answer comes" });
    await waitFor(isOver, { what: "the connection ends" });
  });
  test("is refused while it comes in chunks, the connection ends, and memory stays flat", async () => {
    const before = await residentBytes();
    const piece = Buffer.alloc(64 * 1024, "x");
    const chunk = Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n")]);
    let sentBytes = 0;
    const senders = await Promise.all(Array.from({ length: 8 }, open));
    await Promise.all(
      senders.map(async ({ socket, heard, isOver }) => {
        socket.write(head(["transfer-encoding: chunked"]));
        while (!isOver() && sentBytes < 2 * 1024 ** 3) {
          sentBytes += piece.length;
          if (socket.write(chunk)) continue;
          await Promise.race([once(socket, "drain"), once(socket, "close")]);
        }
        await waitFor(isOver, { what: "the connection ends" });
        expect(heard()).toContain("413");
      }),
    );
    expect(sentBytes).toBeGreaterThan(8 * 4 * 1024 * 1024);
    expect((await residentBytes()) - before).toBeLessThan(100 * 1024 * 1024);
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

test("a sender who goes away in the middle of a body leaves nothing behind", async () => {
  const { socket } = await open();
  socket.write(`${head(["content-length: 1000"])}half`);
  socket.destroy();
  await waitFor(
    async () =>
      /deliveries_total\{result="aborted"[^}]*\} 1/.test(await (await fetch(`${gateway.url}/metrics`)).text()),
    { what: "the aborted delivery is counted" },
  );
});
