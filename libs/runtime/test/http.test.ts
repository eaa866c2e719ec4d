import { Hono } from "hono";
import { afterEach, expect, it } from "vitest";
import { createMetrics, listen, type ListeningServer } from "../src/index.ts";

const open: ListeningServer[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.end()));
});

async function start(more: { OPERATIONS_PORT?: number } = {}) {
  const api = new Hono().get("/api", (context) => context.text("here"));
  const operations = {
    registry: createMetrics("test"),
    readiness: () => ({ isReady: true, reasons: [] }),
    onDefect: (error: unknown) => {
      throw error;
    },
  };
  const listening = await listen(api, { PORT: 0, LISTEN_ADDRESS: "127.0.0.1", ...more }, operations);
  open.push(listening);
  return async (port: number, path: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: "close" } });
    await answer.body?.cancel();
    return answer.status;
  };
}

const OPERATIONS = ["/metrics", "/health/live", "/health/ready"];

it("health and metrics are beside the API where nothing else is said", async () => {
  const ask = await start();
  const { port, operationsPort } = open[0] ?? { port: 0, operationsPort: -1 };
  expect(operationsPort).toBe(port);
  for (const path of ["/api", ...OPERATIONS]) expect(await ask(port, path), path).toBe(200);
});

it("who reaches the API reaches no figures where these have a port of their own, and the other way round", async () => {
  const ask = await start({ OPERATIONS_PORT: 0 });
  const { port, operationsPort } = open[0] ?? { port: 0, operationsPort: 0 };
  expect(operationsPort).not.toBe(port);
  for (const path of OPERATIONS) {
    expect(await ask(port, path), path).toBe(404);
    expect(await ask(operationsPort, path), path).toBe(200);
  }
  expect(await ask(port, "/api")).toBe(200);
  expect(await ask(operationsPort, "/api")).toBe(404);
});
