import { waitFor } from "@turno/testing";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openWorld, requestSends, type SenderWorld } from "./fixtures/world.ts";

/** Longer than the 6 s after which a stopping sender once gave its calls up, and within the time that a call may take. */
const META_ANSWERS_AFTER_MS = 8_000;

let world: SenderWorld;
let meta: Server;
let asked: ServerResponse[];

beforeEach(async () => {
  world = await openWorld();
  asked = [];
  meta = createServer((request, response) => {
    request.resume();
    if (request.method !== "POST") return void response.end('{"data":[]}');
    asked.push(response);
    setTimeout(() => {
      response.setHeader("content-type", "application/json");
      response.end('{"messaging_product":"whatsapp","contacts":[],"messages":[{"id":"wamid.late"}]}');
    }, META_ANSWERS_AFTER_MS);
  });
  await new Promise<void>((resolve) => meta.listen(0, "127.0.0.1", resolve));
});

afterEach(async () => {
  await world.close();
  meta.closeAllConnections();
  meta.close();
});

it("a sender that stops waits for a call under way, and records what Meta answers late", async () => {
  const sender = await world.startSender({
    GRAPH_URL: `http://127.0.0.1:${(meta.address() as AddressInfo).port}`,
    SEND_TIMEOUT_MS: "15000",
    SEND_LEASE_MS: "60000",
  });
  const [talk] = world.talks;
  if (talk === undefined) throw new Error("there is no talk");
  const [id = ""] = await requestSends(world, [{ talk }]);
  await waitFor(() => asked.length === 1, { what: "the call is under way" });
  await sender.stop();
  expect((await sender.exited).code).toBe(0);
  expect((await world.readSends()).get(id)?.state).toBe("accepted");
});
