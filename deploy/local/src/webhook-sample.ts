import { signBody } from "@turno/simulator";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CHANNELS } from "./seed.ts";

/**
 * Writes a delivery of one text message to a file and gives the `curl` line that posts it with a valid signature. Posted
 * twice it takes effect once, as with Meta.
 */
export async function writeWebhookSample(options: {
  folder: string;
  gatewayUrl: string;
  appSecret: string;
  nowMs: number;
}): Promise<string> {
  const phone = "15550104477";
  const message = {
    from: phone,
    id: `wamid.local.${options.nowMs}`,
    timestamp: String(Math.floor(options.nowMs / 1000)),
    type: "text",
    text: { body: "Hello, this was posted by hand" },
  };
  const value = {
    messaging_product: "whatsapp",
    metadata: { display_phone_number: "15550100001", phone_number_id: CHANNELS.support.phoneNumberId },
    contacts: [{ profile: { name: "Curl" }, wa_id: phone }],
    messages: [message],
  };
  const body = JSON.stringify({
    object: "whatsapp_business_account",
    entry: [{ id: "102290129340398", changes: [{ field: "messages", value }] }],
  });
  const file = join(options.folder, "webhook.json");
  await writeFile(file, body);
  return (
    `curl -sS -w '%{http_code}\\n' -H 'Content-Type: application/json' ` +
    `-H 'X-Hub-Signature-256: ${signBody(body, options.appSecret)}' ` +
    `--data-binary '@${file}' ${options.gatewayUrl}/webhooks/whatsapp`
  );
}
