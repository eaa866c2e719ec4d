import { createAdaptorServer } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { Hono } from "hono";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "./metrics.ts";

/**
 * What a route returns that has answered by itself. It is made here, before any server: a server puts a `Response` of its own
 * in the place of the global one, and does not know this answer if it was made of that.
 */
export { RESPONSE_ALREADY_SENT };

export interface Readiness {
  /** Whether it has not begun its work yet. */
  isStarting?: boolean;
  isReady: boolean;
  /** What keeps the service from being ready, in words for an operator. */
  reasons: string[];
}

export interface Operations {
  registry: Registry;
  readiness: () => Readiness;
  /** Hears of what a route throws without answering, which is a defect: the answer is 500. */
  onDefect: (error: unknown) => void;
}

/** Adds the routes of every service: `GET /health/live`, `GET /health/ready` and `GET /metrics`. */
export function addOperationsRoutes(app: Hono, { registry, readiness }: Omit<Operations, "onDefect">): Hono {
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
  /** Where health and metrics are. */
  operationsPort: number;
  /** Answers what is under way on `port`, then closes it. */
  close(): Promise<void>;
  /** Closes what is still open. */
  end(): Promise<void>;
}

interface ListenConfig {
  PORT: number;
  OPERATIONS_PORT?: number | undefined;
  LISTEN_ADDRESS: string;
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

/**
 * Listens on `PORT` (0 picks a free one) with an app and the operations' routes, or with these on a port of their own where
 * `OPERATIONS_PORT` is set, so that nobody who reaches the API reaches them.
 */
export async function listen(
  app: Hono,
  config: ListenConfig,
  operations: Operations,
  /** For routes that handle unread requests themselves. */
  { leavesRequestsAlone = false }: { leavesRequestsAlone?: boolean } = {},
): Promise<ListeningServer> {
  const { PORT, OPERATIONS_PORT, LISTEN_ADDRESS: hostname } = config;
  const apart = OPERATIONS_PORT === undefined ? null : new Hono();
  for (const one of [app, apart]) {
    one?.onError((error, context) => {
      operations.onDefect(error);
      return context.text("a fault of ours; it was noted", 500);
    });
  }
  addOperationsRoutes(apart ?? app, operations);
  const server = await openServer(app, PORT, { hostname, leavesRequestsAlone });
  const own = apart === null ? null : await openServer(apart, OPERATIONS_PORT ?? 0, { hostname });
  const servers = own === null ? [server] : [server, own];
  return {
    server,
    port: portOf(server),
    operationsPort: portOf(own ?? server),
    close: () => closeServer(server),
    end: async () => {
      await Promise.all(servers.filter(({ listening }) => listening).map(closeServer));
    },
  };
}

const portOf = (server: Server) => (server.address() as AddressInfo).port;

async function openServer(
  app: Hono,
  port: number,
  { hostname, leavesRequestsAlone = false }: { hostname: string; leavesRequestsAlone?: boolean },
): Promise<Server> {
  const server = createAdaptorServer({
    fetch: app.fetch,
    autoCleanupIncoming: !leavesRequestsAlone,
    serverOptions: SERVER_OPTIONS,
  }) as Server;
  server.maxConnections = CONNECTIONS_MAX;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, hostname, resolve);
  });
  return server;
}

const closeServer = (server: Server): Promise<void> =>
  new Promise((resolve, reject) => {
    server.close((error) => (error === undefined ? resolve() : reject(error)));
    server.closeIdleConnections();
  });
