import { serve } from "./measured-server.ts";

/** The floor: a server that reads the whole body and answers 200. It looks at nothing and keeps nothing. */
let webhooks = 0;
let bytes = 0;

serve(
  (request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const [first] = chunks;
      const body = chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks);
      bytes += body.length;
      webhooks += 1;
      response.writeHead(200, { "content-length": "0" }).end();
    });
  },
  () => ({ webhooks, bytes }),
);
