import { createAdaptorServer } from "@hono/node-server";
import type { Hono } from "hono";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "./metrics.ts";

export interface Readiness {
  /** Whether it has not begun its work yet. */
  isStarting?: boolean;
  isReady: boolean;
  /** What keeps the service from being ready, in words for an operator. */
  reasons: string[];
}

/**
 * Adds the routes of every service: `GET /health/live`, `GET /health/ready` and `GET /metrics`. What a route throws
 * without answering is a defect: `onDefect` hears of it, and the answer is 500.
 */
export function addOperationsRoutes(
  app: Hono,
  registry: Registry,
  readiness: () => Readiness,
  onDefect: (error: unknown) => void,
): Hono {
  app.onError((error, context) => {
    onDefect(error);
    return context.text("a fault of ours; it was noted", 500);
  });
  app.get("/health/live", (context) => context.json({ status: "live" }));
  app.get("/health/ready", (context) => {
    const { isStarting = false, isReady, reasons } = readiness();
    const status = isStarting ? "starting" : isReady ? "ready" : "not ready";
    return context.json({ status, reasons }, isReady && !isStarting ? 200 : 503);
  });
  app.get("/metrics", async (context) =>
    context.text(await registry.metrics(), 200, { "content-type": registry.contentType }),
  );
  return app;
}

export interface ListeningServer {
  server: Server;
  port: number;
  close(): Promise<void>;
}

/** Stricter than Node's own limits (60 s for the head, 300 s for the request): everybody may reach the address. */
const SERVER_OPTIONS = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 75_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 16 * 1024,
};
const CONNECTIONS_MAX = 4_096;

/** Listens on `port` (0 picks a free one). `close` answers what is under way, then ends. */
export async function listen(
  app: Hono,
  port: number,
  options: {
    hostname?: string;
    /** For routes that handle unread requests themselves. */
    leavesRequestsAlone?: boolean;
  } = {},
): Promise<ListeningServer> {
  const server = createAdaptorServer({
    fetch: app.fetch,
    autoCleanupIncoming: options.leavesRequestsAlone !== true,
    serverOptions: SERVER_OPTIONS,
  }) as Server;
  server.maxConnections = CONNECTIONS_MAX;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, options.hostname ?? "0.0.0.0", resolve);
  });
  return {
    server,
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error === undefined ? resolve() : reject(error)));
        server.closeIdleConnections();
      }),
  };
}
