import { serve as listen } from "@hono/node-server";
import { connectToNats } from "@turno/messaging";
import { Hono } from "hono";
import { createHmac, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { announce, metricsText } from "./measured-server.ts";
import { PLAIN_SUBJECT } from "./plain-contract.ts";

/** The usual webhook receiver: hono, a zod schema of the whole webhook, one awaited publish for each message. */
const webhookSchema = z.object({
  object: z.literal("whatsapp_business_account"),
  entry: z.array(
    z.object({
      id: z.string(),
      changes: z.array(
        z.object({
          field: z.string(),
          value: z.looseObject({
            messaging_product: z.literal("whatsapp"),
            metadata: z.object({ display_phone_number: z.string(), phone_number_id: z.string() }),
            contacts: z
              .array(
                z.looseObject({ profile: z.looseObject({ name: z.string() }), wa_id: z.string(), user_id: z.string() }),
              )
              .default([]),
            messages: z
              .array(
                z.looseObject({
                  from: z.string(),
                  from_user_id: z.string(),
                  id: z.string(),
                  timestamp: z.string(),
                  type: z.string(),
                }),
              )
              .default([]),
          }),
        }),
      ),
    }),
  ),
});

const appSecret = process.env["APP_SECRET"] ?? "";
const { nats } = await connectToNats({ url: process.env["NATS_URL"] ?? "", name: "plain-gateway" });
const jetstream = nats.jetstream();
let messages = 0;

function isSigned(body: Buffer, header: string | undefined): boolean {
  const expected = Buffer.from(`sha256=${createHmac("sha256", appSecret).update(body).digest("hex")}`);
  const given = Buffer.from(header ?? "");
  return given.length === expected.length && timingSafeEqual(given, expected);
}

const app = new Hono();
app.get("/metrics", (context) => context.text(metricsText({ messages })));
app.post("/webhooks/whatsapp", async (context) => {
  const body = Buffer.from(await context.req.arrayBuffer());
  if (!isSigned(body, context.req.header("x-hub-signature-256"))) return context.body(null, 401);
  const parsed = webhookSchema.safeParse(JSON.parse(body.toString("utf8")));
  if (!parsed.success) return context.body(null, 400);
  const receivedAt = new Date().toISOString();
  const published = parsed.data.entry.flatMap(({ changes }) =>
    changes.flatMap(({ value }) =>
      value.messages.map((message) => {
        const contact = value.contacts.find(({ user_id }) => user_id === message.from_user_id);
        const payload = JSON.stringify({ metadata: value.metadata, contact, message, receivedAt });
        return jetstream.publish(PLAIN_SUBJECT, payload, { msgID: message.id });
      }),
    ),
  );
  await Promise.all(published);
  messages += published.length;
  return context.body(null, 200);
});

const serverOptions = { keepAliveTimeout: 75_000 };
listen({ fetch: app.fetch, port: 0, hostname: "127.0.0.1", serverOptions }, ({ port }) => announce(port));
