import { listCircuits, resetCircuit } from "@turno/database";
import { INBOUND_STREAM } from "@turno/messaging";
import { runStatefulService, type ServiceContext, type ServiceWork } from "@turno/service";
import { createGraphClient } from "@turno/whatsapp";
import { createHash, randomUUID } from "node:crypto";
import { senderConfig, type Config } from "./config.ts";
import type { SenderContext } from "./context.ts";
import { addSenderGauges, createSenderMetrics, type SenderMetrics } from "./metrics.ts";
import { startSending } from "./sending.ts";
import { followStatuses } from "./statuses.ts";
import { followTemplates, syncTemplates } from "./templates.ts";

function begin(shared: ServiceContext<Config, SenderMetrics>): ServiceWork {
  const { sql, metrics, relay } = shared;
  const context = addMeta(shared);
  const templates = syncTemplates(context);
  const statuses = followStatuses(context, randomUUID());
  const accounts = followTemplates(context, randomUUID(), templates);
  const sending = startSending(context, () => templates.request());
  addSenderGauges(metrics.registry, { sending, statuses, accounts, relay });
  return {
    commands: {
      "list-circuits": (request) => listCircuits(sql, request),
      "reset-circuit": (request) => resetCircuit(sql, request),
    },
    obstacles: () => {
      const { stuckSince } = statuses.status();
      return stuckSince === null ? [] : [`no delivery status takes effect since ${stuckSince.toISOString()}`];
    },
    stop: async () => {
      await sending.stop();
      await Promise.all([templates.stop(), statuses.stop(), accounts.stop()]);
    },
  };
}

function addMeta(shared: ServiceContext<Config, SenderMetrics>): SenderContext {
  const { config } = shared;
  const client = createGraphClient({
    baseUrl: config.GRAPH_URL,
    version: config.GRAPH_VERSION,
    accessToken: config.WHATSAPP_ACCESS_TOKEN,
    timeoutMs: config.SEND_TIMEOUT_MS,
  });
  // A new token starts with a closed circuit, whatever became of the old one.
  const tokenKey = createHash("sha256").update(config.WHATSAPP_ACCESS_TOKEN).digest("hex").slice(0, 16);
  return { ...shared, client, tokenKey, random: Math.random };
}

/** Longer than a call to Meta may take (`SEND_TIMEOUT_MS`) with its recording, and shorter than the 30 s of docker-compose.yml. */
const DRAIN_MS_MAX = 25_000;

await runStatefulService(
  {
    name: "sender",
    environment: process.env,
    config: senderConfig,
    metrics: createSenderMetrics(),
    streams: [INBOUND_STREAM],
    drainMsMax: DRAIN_MS_MAX,
  },
  begin,
);
