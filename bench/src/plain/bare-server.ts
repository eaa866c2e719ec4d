import { serve } from "./measured-server.ts";

/** The floor: a server that reads the body and answers 200. It looks at nothing and keeps nothing. */
let webhooks = 0;
let bytes = 0;

serve(
  (request, response) => {
    request.on("data", (chunk: Buffer) => (bytes += chunk.length));
    request.on("end", () => {
      webhooks += 1;
      response.writeHead(200, { "content-length": "0" }).end();
    });
  },
  () => ({ webhooks, bytes }),
);
