import { BrokerFailure } from "@turno/messaging";
import type { Logger } from "@turno/runtime";
import { isSignatureHeader, splitDelivery, type SignatureVerifier } from "@turno/whatsapp";
import type { IncomingMessage, ServerResponse } from "node:http";
import { answer } from "./answer.ts";
import type { BodyReader } from "./body.ts";
import type { Lanes } from "./lanes.ts";
import type { DeliveryResult, GatewayMetrics } from "./metrics.ts";
import { createTransitions } from "./transitions.ts";

/** Meta's own limit is 3 MB. */
export const BODY_BYTES_MAX = 4 * 1024 * 1024;

export interface DeliveryHandlerParts {
  lanes: Lanes;
  bodies: BodyReader;
  metrics: Pick<GatewayMetrics, "delivery" | "signatureMismatch" | "splitterDefect">;
  logger: Logger;
  now(): Date;
  createId(): string;
  isStopping(): boolean;
}

/** The app that a POST's path names; no verifier where there is no such app. */
export interface AddressedApp {
  key: string;
  verifier: SignatureVerifier | undefined;
}

export interface DeliveryHandler {
  /** Answers one POST on `outgoing`: 200 only once every update of it is stored. Never rejects. */
  handle(app: AddressedApp, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void>;
}

interface Decision {
  status: number;
  result: DeliveryResult;
}

/** It works on Node's own request and response, because the framework's body readers cost more than all the rest. */
export function createDeliveryHandler(parts: DeliveryHandlerParts): DeliveryHandler {
  const { metrics, logger } = parts;
  const transitions = createTransitions(logger);

  const store = async (body: Buffer): Promise<Decision> => {
    const updates = splitDelivery(body, {
      receivedAt: parts.now(),
      createId: () => parts.createId(),
      onDefect: (defect) => {
        metrics.splitterDefect();
        logger.error({ err: defect }, "the splitter failed: the delivery is kept whole");
      },
    });
    try {
      await parts.lanes.store(updates);
    } catch (error) {
      if (!(error instanceof BrokerFailure)) throw error;
      transitions.storing(error);
      return { status: 503, result: "not_stored" };
    }
    transitions.storing();
    return { status: 200, result: "stored" };
  };

  const decide = async (app: AddressedApp, incoming: IncomingMessage): Promise<Decision> => {
    const signature = signatureHeader(incoming);
    const refusal = refusalByHead(app, incoming);
    if (refusal !== null || app.verifier === undefined || signature === undefined) {
      return refusal ?? { status: 401, result: "unsigned" };
    }
    const reading = await parts.bodies.read(incoming);
    if (reading.kind === "too-large") return { status: 413, result: "too_large" };
    if (reading.kind === "busy") return { status: 503, result: "overloaded" };
    if (reading.kind === "aborted") return { status: 400, result: "aborted" };
    try {
      const isSigned = app.verifier.isSigned(reading.body, signature);
      transitions.signature(app.key, isSigned);
      if (isSigned) return await store(reading.body);
      metrics.signatureMismatch();
      return { status: 401, result: "signature_mismatch" };
    } finally {
      parts.bodies.release(reading.body);
    }
  };

  return {
    async handle(app, incoming, outgoing) {
      const startedAt = performance.now();
      let decision: Decision;
      try {
        decision = await decide(app, incoming);
      } catch (error) {
        logger.error({ err: error }, "a delivery failed by a defect");
        decision = { status: 500, result: "not_stored" };
      }
      metrics.delivery(decision.result, (performance.now() - startedAt) / 1000);
      answer(incoming, outgoing, decision.status, decision.status === 413 || parts.isStopping());
    },
  };
}

const JSON_TYPE = /^application\/json(?:\s*;|$)/i;

/** What the head alone refuses, before a byte of the body is read. */
function refusalByHead(app: AddressedApp, incoming: IncomingMessage): Decision | null {
  if (app.verifier === undefined) return { status: 404, result: "unknown_app" };
  if (!JSON_TYPE.test(incoming.headers["content-type"] ?? "")) return { status: 415, result: "wrong_type" };
  if (!isSignatureHeader(signatureHeader(incoming))) return { status: 401, result: "unsigned" };
  const isTooLarge = Number(incoming.headers["content-length"] ?? 0) > BODY_BYTES_MAX;
  return isTooLarge ? { status: 413, result: "too_large" } : null;
}

function signatureHeader(incoming: IncomingMessage): string | undefined {
  const header = incoming.headers["x-hub-signature-256"];
  return typeof header === "string" ? header : undefined;
}
