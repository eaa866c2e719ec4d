import { createHmac } from "node:crypto";

/** The value of `X-Hub-Signature-256` for a body: `sha256=` and the lowercase hex HMAC-SHA256 of its exact bytes under the app secret. */
export function signBody(body: string | Uint8Array, appSecret: string): string {
  return `sha256=${createHmac("sha256", appSecret).update(body).digest("hex")}`;
}
