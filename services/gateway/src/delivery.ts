import { BrokerFailure } from "@turno/messaging";
import type { Logger } from "@turno/runtime";
import {
  isSignatureHeader,
  splitDelivery,
  type SignatureVerifier,
  type SpokenFor,
  type Unrecognised,
} from "@turno/whatsapp";
import type { IncomingMessage, ServerResponse } from "node:http";
import { answer } from "./answer.ts";
import type { BodyReader, BodyReading } from "./body.ts";
import type { Lanes } from "./lanes.ts";
import type { DeliveryResult, GatewayMetrics } from "./metrics.ts";
import { createTransitions, type Transitions } from "./transitions.ts";

/** Meta's own limit is 3 MB. */
export const BODY_BYTES_MAX = 4 * 1024 * 1024;

export interface DeliveryHandlerParts {
  lanes: Lanes;
  bodies: BodyReader;
  metrics: Pick<GatewayMetrics, "delivery" | "signed" | "signatureMismatch" | "foreign" | "unrecognised" | "defect">;
  logger: Logger;
  /** The instant in ISO 8601. */
  now(): string;
  createId: () => string;
  isStopping(): boolean;
  /** Hears of each signature that was compared with an app's secrets. */
  onSignature?: (appKey: string, isSigned: boolean) => void;
}

/** The app that a POST's path names. */
export interface SigningApp {
  key: string;
  verifier: SignatureVerifier;
  maySpeakFor: (place: SpokenFor) => boolean;
}

export interface DeliveryHandler {
  /** Answers one POST on `outgoing`: 200 only when every update of it is stored. Never throws. */
  handle(app: SigningApp | undefined, incoming: IncomingMessage, outgoing: ServerResponse): void;
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

/**
 * Creates the handler of POSTs. It works on Node's own request and response, because the framework's body readers cost
 * more than all the rest.
 */
export function createDeliveryHandler(parts: DeliveryHandlerParts): DeliveryHandler {
  const { metrics, logger } = parts;
  const transitions = createTransitions(logger);
  const onDefect = (defect: unknown) => {
    metrics.defect("splitter");
    logger.error({ err: defect }, "the splitter failed: the delivery is kept whole");
  };

  const isSigned = createSignatureCheck(metrics, transitions);
  const onUnrecognised = (what: Unrecognised) => metrics.unrecognised(what);

  const failed = (error: unknown): DeliveryResult => {
    metrics.defect("delivery");
    logger.error({ err: error }, "a delivery failed by a defect");
    return "failed";
  };

  const store = ({ key, maySpeakFor }: SigningApp, body: Buffer, done: (result: DeliveryResult) => void): void => {
    const onForeign = (place: SpokenFor) => {
      metrics.foreign(key);
      transitions.foreign(key, place);
    };
    const context = {
      receivedAt: parts.now(),
      createId: parts.createId,
      onDefect,
      maySpeakFor,
      onForeign,
      onUnrecognised,
    };
    const updates = splitDelivery(body, context);
    parts.lanes.store(updates, (failure) => {
      if (failure !== undefined && !(failure instanceof BrokerFailure)) return done(failed(failure));
      transitions.storing(failure);
      done(failure === undefined ? "stored" : "not_stored");
    });
  };

  const take = (app: SigningApp, reading: BodyReading, signature: string, done: (result: DeliveryResult) => void) => {
    if (reading.kind !== "read") return done(reading.kind);
    const { body } = reading;
    const release = (result: DeliveryResult) => {
      parts.bodies.release(body);
      done(result);
    };
    try {
      const isMatch = isSigned(app, body, signature);
      parts.onSignature?.(app.key, isMatch);
      if (isMatch) store(app, body, release);
      else release("signature_mismatch");
    } catch (error) {
      release(failed(error));
    }
  };

  return {
    handle(app, incoming, outgoing) {
      const startedAt = performance.now();
      const done = (result: DeliveryResult) => {
        metrics.delivery(result, (performance.now() - startedAt) / 1000);
        answer(incoming, outgoing, STATUS[result], result === "too_large" || parts.isStopping());
      };
      const signature = incoming.headers["x-hub-signature-256"];
      if (app === undefined) done("unknown_app");
      else if (!JSON_TYPE.test(incoming.headers["content-type"] ?? "")) done("wrong_type");
      else if (typeof signature !== "string" || !isSignatureHeader(signature)) done("unsigned");
      else if (Number(incoming.headers["content-length"] ?? 0) > BODY_BYTES_MAX) done("too_large");
      else parts.bodies.read(incoming, (reading) => take(app, reading, signature, done));
    },
  };
}

/** Creates the check of signatures, which notes what each app and secret did. */
function createSignatureCheck(metrics: DeliveryHandlerParts["metrics"], transitions: Transitions) {
  return ({ key, verifier }: SigningApp, body: Buffer, signature: string): boolean => {
    const secret = verifier.findSecret(body, signature);
    const isMatch = secret >= 0;
    transitions.signature(key, isMatch);
    if (isMatch) metrics.signed(key, secret);
    else metrics.signatureMismatch(key);
    return isMatch;
  };
}

const JSON_TYPE = /^application\/json(?:\s*;|$)/i;
