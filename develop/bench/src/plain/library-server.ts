import type { IncomingMessage, ServerResponse } from "node:http";
import { WhatsAppAPI } from "whatsapp-api-js/middleware/node-http";
import { serve } from "./measured-server.ts";

/** The npm package as its documentation shows it, on `node:http`: signature checked, first message handled, none stored. */
let messages = 0;

const library = new WhatsAppAPI({
  token: "not-used",
  appSecret: process.env["APP_SECRET"] ?? "",
  webhookVerifyToken: "bench-token",
});
library.on.message = () => void (messages += 1);

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.statusCode = await library.handle_post(request);
  response.end();
}

serve(
  (request, response) => {
    void answer(request, response);
  },
  () => ({ messages }),
);
