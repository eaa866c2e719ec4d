import type { HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@turno/runtime";
import { createSignatureVerifier, type SignatureVerifier } from "@turno/whatsapp";
import { Hono, type Context } from "hono";
import { DEFAULT_APP, type AppCredentials } from "./config.ts";
import type { DeliveryHandler } from "./delivery.ts";
import { createHandshake, type Handshake } from "./handshake.ts";
import { createMaySpeakFor } from "./may-speak-for.ts";

interface MetaApp {
  key: string;
  verifier: SignatureVerifier;
  maySpeakFor: ReturnType<typeof createMaySpeakFor>;
  handshake: Handshake;
}

/**
 * Creates the routes: `GET|POST /webhooks/whatsapp` for the default app, `/webhooks/whatsapp/:appKey` for the others.
 */
export function createGatewayApp(credentials: ReadonlyMap<string, AppCredentials>, deliveries: DeliveryHandler): Hono {
  const apps = new Map<string, MetaApp>();
  for (const [key, { secrets, verifyTokens }] of credentials) {
    apps.set(key, {
      key,
      verifier: createSignatureVerifier(secrets),
      maySpeakFor: createMaySpeakFor(key, credentials),
      handshake: createHandshake(verifyTokens),
    });
  }

  const route = (context: Context, appKey: string): Response => {
    const { incoming, outgoing } = context.env as HttpBindings;
    const app = apps.get(appKey);
    if (incoming.method === "POST") {
      // It answers when everything is stored; the framework need not wait for it.
      deliveries.handle(app, incoming, outgoing);
      return RESPONSE_ALREADY_SENT;
    }
    if (incoming.method !== "GET") return context.text("", 405, { allow: "GET, POST" });
    if (app === undefined) return context.text("unknown app", 404);
    const challenge = app.handshake.answer({
      mode: context.req.query("hub.mode"),
      token: context.req.query("hub.verify_token"),
      challenge: context.req.query("hub.challenge"),
    });
    if (challenge === null) return context.text("forbidden", 403);
    return context.text(challenge, 200, { "x-content-type-options": "nosniff" });
  };

  const hono = new Hono();
  hono.all("/webhooks/whatsapp", (context) => route(context, DEFAULT_APP));
  hono.all("/webhooks/whatsapp/:appKey", (context) => route(context, context.req.param("appKey")));
  return hono;
}
