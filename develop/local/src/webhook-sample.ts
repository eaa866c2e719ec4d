import { signBody } from "@turno/simulator";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LocalClock } from "./clock.ts";
import { SEED_ACCOUNT_ID, SEED_CHANNELS } from "./seed.ts";

/** The customer who writes by hand. Everybody in the box knows the number. */
export const CURL = { name: "Curl", phone: "15550104477" };
/** A timestamp ahead of the rules' clock counts as now, so a sample stays fresh for this long on a clock that runs fast. */
const AHEAD_MS = 90 * 86_400_000;

/**
 * Writes a delivery of one text message to a file and gives the `curl` line that posts it with a valid signature. Posted
 * twice it takes effect once, as with Meta.
 */
export async function writeWebhookSample(options: {
  folder: string;
  gatewayUrl: string;
  appSecret: string;
  clock: LocalClock;
}): Promise<string> {
  const { name, phone } = CURL;
  const nowMs = options.clock.now();
  const sentMs = options.clock.speed === 1 ? nowMs : nowMs + AHEAD_MS;
  const message = {
    from: phone,
    id: `wamid.local.${Math.floor(nowMs)}`,
    timestamp: String(Math.floor(sentMs / 1000)),
    type: "text",
    text: { body: "Hello, this was posted by hand" },
  };
  const value = {
    messaging_product: "whatsapp",
    metadata: { display_phone_number: "15550100001", phone_number_id: SEED_CHANNELS.support.phoneNumberId },
    contacts: [{ profile: { name }, wa_id: phone }],
    messages: [message],
  };
  const body = JSON.stringify({
    object: "whatsapp_business_account",
    entry: [{ id: SEED_ACCOUNT_ID, changes: [{ field: "messages", value }] }],
  });
  const file = join(options.folder, "webhook.json");
  await writeFile(file, body);
  return (
    `curl -sS -w '%{http_code}\\n' -H 'Content-Type: application/json' ` +
    `-H 'X-Hub-Signature-256: ${signBody(body, options.appSecret)}' ` +
    `--data-binary '@${file}' ${options.gatewayUrl}/webhooks/whatsapp`
  );
}
