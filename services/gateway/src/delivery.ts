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
  /** The instant in ISO 8601. */
  now(): string;
  createId: () => string;
  isStopping(): boolean;
}

/** The app that a POST's path names; no verifier where there is no such app. */
export interface AddressedApp {
  key: string;
  verifier: SignatureVerifier | undefined;
}

type SigningApp = AddressedApp & { verifier: SignatureVerifier };

export interface DeliveryHandler {
  /** Answers one POST on `outgoing`: 200 only once every update of it is stored. Never rejects. */
  handle(app: AddressedApp, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void>;
}

const STATUS: Record<DeliveryResult, number> = {
  stored: 200,
  aborted: 400,
  unsigned: 401,
  signature_mismatch: 401,
  unknown_app: 404,
  too_large: 413,
  wrong_type: 415,
  failed: 500,
  not_stored: 503,
  overloaded: 503,
};

/** It works on Node's own request and response, because the framework's body readers cost more than all the rest. */
export function createDeliveryHandler(parts: DeliveryHandlerParts): DeliveryHandler {
  const { metrics, logger } = parts;
  const transitions = createTransitions(logger);
  const onDefect = (defect: unknown) => {
    metrics.splitterDefect();
    logger.error({ err: defect }, "the splitter failed: the delivery is kept whole");
  };

  const isSigned = (app: SigningApp, body: Buffer, signature: string): boolean => {
    const isMatch = app.verifier.isSigned(body, signature);
    transitions.signature(app.key, isMatch);
    if (!isMatch) metrics.signatureMismatch();
    return isMatch;
  };

  const take = async (app: SigningApp, incoming: IncomingMessage, signature: string): Promise<DeliveryResult> => {
    const reading = await parts.bodies.read(incoming);
    if (reading.kind !== "read") return reading.kind;
    const { body } = reading;
    try {
      if (!isSigned(app, body, signature)) return "signature_mismatch";
      await parts.lanes.store(splitDelivery(body, { receivedAt: parts.now(), createId: parts.createId, onDefect }));
      transitions.storing();
      return "stored";
    } catch (error) {
      if (!(error instanceof BrokerFailure)) throw error;
      transitions.storing(error);
      return "not_stored";
    } finally {
      parts.bodies.release(body);
    }
  };

  return {
    async handle({ key, verifier }, incoming, outgoing) {
      const startedAt = performance.now();
      let result: DeliveryResult;
      try {
        const signature = incoming.headers["x-hub-signature-256"];
        if (verifier === undefined) result = "unknown_app";
        else if (!JSON_TYPE.test(incoming.headers["content-type"] ?? "")) result = "wrong_type";
        else if (typeof signature !== "string" || !isSignatureHeader(signature)) result = "unsigned";
        else if (Number(incoming.headers["content-length"] ?? 0) > BODY_BYTES_MAX) result = "too_large";
        else result = await take({ key, verifier }, incoming, signature);
      } catch (error) {
        logger.error({ err: error }, "a delivery failed by a defect");
        result = "failed";
      }
      metrics.delivery(result, (performance.now() - startedAt) / 1000);
      answer(incoming, outgoing, STATUS[result], result === "too_large" || parts.isStopping());
    },
  };
}

const JSON_TYPE = /^application\/json(?:\s*;|$)/i;
