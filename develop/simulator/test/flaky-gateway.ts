import { createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo } from "node:net";

export type Behaviour = "accept" | "refuse" | "created" | "hang" | "reset" | "reset-after-body";

/** What arrived in one POST. */
interface Arrival {
  body: Buffer;
  isSigned: boolean;
  behaviour: Behaviour;
  ids: string[];
}

/** An endpoint that misbehaves as told; `behave` is asked at each POST, counted from 0. */
export async function startFlakyGateway(behave: (post: number) => Behaviour, appSecret = "secret") {
  const arrivals: Arrival[] = [];
  const server: Server = createServer((request, response) => void answer(request, response));

  async function answer(request: IncomingMessage, response: ServerResponse) {
    const behaviour = behave(arrivals.length);
    const arrival: Arrival = { body: Buffer.alloc(0), isSigned: false, behaviour, ids: [] };
    arrivals.push(arrival);
    if (behaviour === "reset") {
      request.socket.destroy();
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    arrival.body = Buffer.concat(chunks);
    const expected = `sha256=${createHmac("sha256", appSecret).update(arrival.body).digest("hex")}`;
    arrival.isSigned = request.headers["x-hub-signature-256"] === expected;
    arrival.ids = idsIn(arrival.body);
    if (behaviour === "hang") return;
    if (behaviour === "reset-after-body") {
      request.socket.destroy();
      return;
    }
    response.writeHead({ accept: 200, refuse: 503, created: 201 }[behaviour]).end();
  }

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/webhooks/whatsapp`,
    arrivals,
    accepted: () => arrivals.filter(({ behaviour }) => behaviour === "accept"),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Body {
  entry: { changes: { value: { messages?: { id: string }[]; statuses?: { id: string; status: string }[] } }[] }[];
}

/** The ledger's ids of all messages and statuses in a body, in their order within each list. */
function idsIn(body: Buffer): string[] {
  if (body.byteLength === 0) return [];
  const { entry } = JSON.parse(body.toString()) as Body;
  return entry.flatMap(({ changes }) =>
    changes.flatMap(({ value: { messages = [], statuses = [] } }) => [
      ...messages.map(({ id }) => id),
      ...statuses.map(({ id, status }) => `${id}:${status}`),
    ]),
  );
}
