import { INBOUND_STREAM } from "@turno/messaging";
import { createClockGuard, runStatefulService, type ServiceContext, type ServiceWork } from "@turno/stateful-service";
import { createGraphClient } from "@turno/whatsapp";
import { createHash, randomBytes } from "node:crypto";
import { listCircuits, resetCircuit } from "./circuits/circuit-commands.ts";
import type { CircuitChange } from "./circuits/circuits.ts";
import { examineSender } from "./examination/examine-sender.ts";
import { senderConfig, type Config } from "./config.ts";
import type { SenderContext } from "./context.ts";
import { addSenderGauges, createSenderMetrics, type SenderMetrics } from "./metrics.ts";
import { addSenderFigures } from "./sending/add-sender-figures.ts";
import { startSending } from "./sending/start-sending.ts";
import { followStatuses, retryStatus } from "./statuses/follow-statuses.ts";
import { followTemplates, syncTemplates } from "./templates/follow-templates.ts";
import { listAccessTokens, setAccessToken } from "./tokens/access-token-commands.ts";
import { rotateTokenKeys } from "./tokens/rotate-token-keys.ts";
import { createTokenVault } from "./tokens/token-vault.ts";

function begin(shared: ServiceContext<Config, SenderMetrics>): ServiceWork {
  const { sql, metrics, relay, logger } = shared;
  const context = addMeta(shared);
  const templates = syncTemplates(context);
  const statuses = followStatuses(context);
  const accounts = followTemplates(context, templates);
  const sending = startSending(context, { onTemplatesDoubtful: () => templates.request() });
  addSenderGauges(metrics.registry, { sending, statuses, accounts, relay });
  addSenderFigures(context);
  return {
    commands: {
      "list-circuits": (request) => listCircuits(sql, request),
      "reset-circuit": async (request) => {
        const answer = await resetCircuit(sql, request);
        if (!("code" in answer)) logger.info(nameCircuit(answer), "sending goes on: its circuit was reset");
        return answer;
      },
      "set-access-token": (request) => setAccessToken(sql, request, context.tokens.vault),
      "list-access-tokens": (request) => listAccessTokens(sql, request, context.tokens),
      "rotate-token-keys": (request) => rotateTokenKeys(sql, request, context.tokens.vault),
      "retry-status": retryStatus(context),
      "read-templates": async ({ accountId }) => ({ accountId, failure: await templates.read(accountId) }),
    },
    obstacles: () => {
      const { stuckSince } = statuses.status();
      const { doubt } = context.clockGuard;
      return [
        ...(stuckSince === null ? [] : [`no delivery status takes effect since ${stuckSince.toISOString()}`]),
        ...(doubt === null ? [] : [`no message that waits is failed by its age ${doubt}`]),
      ];
    },
    setAside: sending.setAside,
    examine: () => examineSender(context),
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
    timeoutMs: config.SEND_TIMEOUT_MS,
  });
  const fallback = config.WHATSAPP_ACCESS_TOKEN ?? null;
  // A new token starts with a closed circuit, whatever became of the old one.
  const tokenKey = fallback === null ? null : createHash("sha256").update(fallback).digest("hex").slice(0, 16);
  return {
    ...shared,
    client,
    tokens: { vault: createTokenVault(config.TOKEN_KEYS, { randomBytes }), fallback },
    tokenKey,
    tryWaits: { firstMs: config.CIRCUIT_TRY_MS, maxMs: config.CIRCUIT_TRY_MS_MAX },
    limits: { waitMsMax: config.SEND_WAIT_HOURS_MAX * HOUR_MS },
    clockGuard: guardClocks(shared),
    random: Math.random,
    tellCircuits: (changes) => tellCircuits(shared.logger, changes),
  };
}

const HOUR_MS = 60 * 60 * 1000;

function guardClocks({ config, metrics, logger }: ServiceContext<Config, SenderMetrics>) {
  return createClockGuard({
    toleranceMs: config.CLOCK_TOLERANCE_MS,
    onChange: (doubt) => {
      metrics.clockDoubt.set(doubt === null ? 0 : 1);
      if (doubt === null) logger.error("the clocks agree again: what has waited too long fails");
      else logger.error({ doubt }, "no message that waits is failed by its age, because the clocks cannot be trusted");
    },
  });
}

/** What is stopped, in words that a log may hold. */
function nameCircuit({ scope, key }: { scope: string; key: string }): object {
  if (scope === "token") return { scope, tokenKey: key };
  return scope === "number" ? { scope, phoneNumberId: key } : { scope, accountId: key };
}

function tellCircuits(logger: SenderContext["logger"], changes: readonly CircuitChange[]): void {
  for (const change of changes) {
    const circuit = { ...nameCircuit(change), code: change.code };
    if (change.to === "open") logger.error({ ...circuit, reason: change.reason }, "sending is stopped");
    else logger.info(circuit, "sending goes on: a message that tried went through");
  }
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
