import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { once } from "node:events";
import { afterEach, expect, it } from "vitest";
import { startNetworkProxy, type NetworkProxy } from "../src/network-proxy.ts";

const ends: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

/** A server that answers with what it gets, behind a proxy, and a client of it. */
async function openLine(): Promise<{ proxy: NetworkProxy; client: Socket; heard: () => string }> {
  const served = new Set<Socket>();
  const server = createServer((socket) => {
    served.add(socket);
    socket.on("error", () => undefined).pipe(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  ends.push(() => {
    for (const socket of served) socket.destroy();
    return new Promise((resolve) => server.close(() => resolve()));
  });
  const proxy = await startNetworkProxy({ port: (server.address() as AddressInfo).port });
  ends.push(() => proxy.close());
  const client = connect(proxy.port, "127.0.0.1");
  ends.push(() => void client.destroy());
  let text = "";
  client.on("data", (chunk) => (text += String(chunk)));
  client.on("error", () => undefined);
  await once(client, "connect");
  return { proxy, client, heard: () => text };
}

/** Resolves when a socket has closed; an error before it is part of the way. */
const closing = (socket: Socket) => new Promise<void>((resolve) => socket.once("close", () => resolve()));

it("passes bytes on, and late where the network is slow", async () => {
  const { proxy, client, heard } = await openLine();
  client.write("a");
  await once(client, "data");
  proxy.set({ kind: "slow", delayMs: 40 });
  const startedAt = performance.now();
  client.write("b");
  await once(client, "data");
  expect(heard()).toBe("ab");
  expect(performance.now() - startedAt).toBeGreaterThan(75);
});

it("keeps a connection that it swallowed from silent for good, and closes nothing", async () => {
  const { proxy, client, heard } = await openLine();
  proxy.set({ kind: "swallowing" });
  client.write("lost");
  await new Promise((resolve) => setImmediate(resolve));
  proxy.set({ kind: "open" });
  client.write("after a gap");
  const second = connect(proxy.port, "127.0.0.1");
  ends.push(() => void second.destroy());
  second.write("whole");
  const [answer] = (await once(second, "data")) as [Buffer];
  expect(String(answer)).toBe("whole");
  expect(heard()).toBe("");
  expect(client.destroyed).toBe(false);
});

it("resets what is there and refuses what is new", async () => {
  const { proxy, client } = await openLine();
  const closed = closing(client);
  proxy.set({ kind: "refusing" });
  await closed;
  const next = connect(proxy.port, "127.0.0.1").on("error", () => undefined);
  await closing(next);
  expect(proxy.connections).toBe(0);
});
