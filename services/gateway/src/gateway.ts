import { answerExamination } from "@turno/messaging";
import { listen, type Logger, type RunningService } from "@turno/runtime";
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { createGatewayApp } from "./app.ts";
import { createBodyReader } from "./body.ts";
import { credentialsByApp, type GatewayConfig } from "./config.ts";
import { BODY_BYTES_MAX, createDeliveryHandler } from "./delivery.ts";
import { createSignatureMemory, judgeGateway } from "./examination.ts";
import { openInboundLog } from "./inbound-log.ts";
import { createLanes } from "./lanes.ts";
import { createGatewayMetrics } from "./metrics.ts";

const BODIES_BYTES_MAX = 128 * 1024 * 1024;

/** How long a start waits for the broker before it listens without it, so that a wrong stream stops the start. */
const BROKER_WAIT_MS = 1_000;

/** Starts the gateway. Without a broker it still listens, answers 503, and goes on when the broker comes. */
export async function startGateway(config: GatewayConfig, logger: Logger): Promise<RunningService> {
  const apps = credentialsByApp(config);
  const signatures = createSignatureMemory();
  const examine = () =>
    judgeGateway({
      apps,
      useOf: signatures.of,
      obstacle: log.obstacle,
      isProduction: config.NODE_ENV === "production",
      hasOperationsPort: config.OPERATIONS_PORT !== undefined,
    });
  const log = openInboundLog(config.NATS_URL, logger, (connection) => {
    // It ends with the connection.
    answerExamination(connection, {
      service: "gateway",
      examine: async () => ({ checks: examine() }),
      onFailure: (error) => logger.warn({ err: error }, "the operators' doctor cannot be answered"),
      onDefect: (error) => {
        metrics.defect("examination");
        logger.error({ err: error }, "the operators' doctor met a defect");
      },
    });
  });
  await Promise.race([log.found, pause(BROKER_WAIT_MS, undefined, { ref: false })]);
  let isStopping = false;
  const metrics = createGatewayMetrics({
    waitingBytes: () => lanes.waitingBytes,
    waitingDeliveries: () => lanes.waitingDeliveries,
    isConnected: () => log.isConnected,
    isStoring: () => log.obstacle === null,
  });
  const lanes = createLanes(log, metrics);
  const deliveries = createDeliveryHandler({
    lanes,
    bodies: createBodyReader({ bytesMax: BODY_BYTES_MAX, totalBytesMax: BODIES_BYTES_MAX }),
    metrics,
    logger,
    now: createClock(),
    createId: randomUUID,
    isStopping: () => isStopping,
    onSignature: signatures.note,
  });
  for (const [key, { secrets }] of apps) metrics.expect(key, secrets.length);
  const app = createGatewayApp(apps, deliveries);
  const readiness = () => ({
    isReady: log.obstacle === null && !isStopping,
    reasons: [log.obstacle, isStopping ? "stopping" : null].filter((reason) => reason !== null),
  });
  const onDefect = (error: unknown) => {
    metrics.defect("http");
    logger.error({ err: error }, "a route has a defect");
  };
  const operations = { registry: metrics.registry, readiness, onDefect };
  const listening = await listen(app, config, operations, { leavesRequestsAlone: true });
  return {
    port: listening.port,
    failed: log.failed,
    async stop() {
      // A balancer learns first that nothing more should come; what still comes meanwhile is answered as ever.
      isStopping = true;
      await pause(config.STOP_GRACE_MS);
      await listening.close();
      lanes.close();
      await log.close();
      await listening.end();
    },
  };
}

/** Returns a clock that writes the instant in ISO 8601 once a millisecond, not for each delivery within it. */
function createClock(): () => string {
  let ms = 0;
  let text = "";
  return () => {
    const now = Date.now();
    if (now !== ms) [ms, text] = [now, new Date(now).toISOString()];
    return text;
  };
}
