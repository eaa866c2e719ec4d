import {
  createCustomers,
  createGraphServer,
  createRandom,
  createSimulator,
  type Customer,
  type GraphServer,
  type GraphServerOptions,
  type Simulator,
} from "../src/index.ts";
import { startFlakyGateway } from "./flaky-gateway.ts";

const channels = [{ accountId: "100", phoneNumberId: "200", displayPhoneNumber: "15550001111" }];
const quickStatuses = { stepMsMax: 3, lateMsMax: 20, readShare: 0.5 };
const startAt = 1_790_000_000_000;

interface Parts {
  gateway: Awaited<ReturnType<typeof startFlakyGateway>>;
  simulator: Simulator;
  graph: GraphServer;
  customers: Customer[];
}

/** What a call of `POST /messages` answered. */
export interface MessagesAnswer {
  status: number;
  body: {
    error?: { code: number; error_data: { details: string }; message: string };
    messages?: { id: string; message_status?: string }[];
  };
}

interface Webhook {
  entry: { changes: { value: { statuses?: Record<string, unknown>[] } }[] }[];
}

/** Ten customers, a gateway that accepts everything, a Graph API, and a clock that stands still until moved. */
export function createGraphWorld() {
  let parts: Parts | undefined;
  let at = startAt;
  const now = () => at;
  const opened = () => {
    if (parts === undefined) throw new Error("open the world first");
    return parts;
  };

  return {
    async open(options: Partial<GraphServerOptions> = {}): Promise<Parts> {
      at = startAt;
      const customers = createCustomers({ count: 10, random: createRandom(1), usernameShare: 0.3 });
      const gateway = await startFlakyGateway(() => "accept");
      const random = createRandom(2);
      const simulator = createSimulator({ url: gateway.url, appSecret: "secret", random, now, customers, channels });
      const statuses = { ...quickStatuses, ...options.statuses };
      const common = { simulator, accessTokens: ["token"], random: createRandom(3), now };
      const graph = await createGraphServer({ ...common, numberLimit: null, pairLimit: null, ...options, statuses });
      parts = { gateway, simulator, graph, customers };
      return parts;
    },
    async close() {
      const { graph, simulator, gateway } = opened();
      await graph.stop();
      await simulator.stop();
      await gateway.close();
      parts = undefined;
    },
    advance(ms: number) {
      at += ms;
    },
    async call(body: object, token = "token"): Promise<MessagesAnswer> {
      const response = await fetch(`${opened().graph.url}/v26.0/200/messages`, {
        method: "POST",
        headers: { Authorization: `Bearer ${token}` },
        body: JSON.stringify({ messaging_product: "whatsapp", ...body }),
      });
      return { status: response.status, body: (await response.json()) as MessagesAnswer["body"] };
    },
    async writes(customer: Customer) {
      const { simulator } = opened();
      await simulator.post([simulator.message({ customer })]);
    },
    textTo: (customer: Customer, more: object = {}) => ({
      to: `+${customer.phone}`,
      type: "text",
      text: { body: "Hola" },
      ...more,
    }),
    /** Statuses of a message as the gateway got them, in their order. */
    statusesOf(wamid: string): Record<string, unknown>[] {
      return opened().gateway.arrivals.flatMap(({ body }) => {
        const { entry } = JSON.parse(body.toString()) as Webhook;
        const all = entry.flatMap(({ changes }) => changes.flatMap(({ value }) => value.statuses ?? []));
        return all.filter(({ id }) => id === wamid);
      });
    },
  };
}
