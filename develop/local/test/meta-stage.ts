import {
  createCustomers,
  createGraphServer,
  createRandom,
  createSimulator,
  type Customer,
  type GraphServer,
  type Simulator,
} from "@turno/simulator";
import { createStage, shiftClock, waitFor, type Stage } from "@turno/testing";

const TOKEN = "stage-token";
const SECRET = "stage-secret";
const CHANNEL = { accountId: "100", phoneNumberId: "123", displayPhoneNumber: "15550001111" };

/** Every service that a conversation passes, with a simulated Meta before and behind them, on one clock. */
export interface MetaStage {
  stage: Stage;
  meta: Simulator;
  graph: GraphServer;
  customers: Customer[];
  inboxUrl: string;
  /** Lets time pass for the rules, and for Meta. */
  pass(ms: number): Promise<void>;
  stop(): Promise<void>;
}

export async function createMetaStage(configure: (stage: Stage) => Promise<unknown>): Promise<MetaStage> {
  const stage = await createStage();
  let aheadMs = 0;
  const now = () => Date.now() + aheadMs;
  const gateway = await stage.start("gateway", { WHATSAPP_APP_SECRETS: SECRET, WHATSAPP_VERIFY_TOKENS: "verify" });
  const meta = createSimulator({
    url: `${gateway.url}/webhooks/whatsapp`,
    appSecret: SECRET,
    random: createRandom(5),
    now,
    customers: createCustomers({ count: 3, random: createRandom(1) }),
    channels: [CHANNEL],
  });
  const graph = await createGraphServer({
    simulator: meta,
    accessTokens: [TOKEN],
    random: createRandom(6),
    now,
    statuses: { stepMsMax: 20, neverShare: 0, lateShare: 0 },
  });
  await stage.start("router");
  await configure(stage);
  const [inbox] = await Promise.all([
    stage.start("inbox", { LOCAL_ISSUER: "on", RATE_PER_SECOND: "5000", RATE_BURST: "50000" }),
    stage.start("session-tracker"),
    stage.start("sender", { GRAPH_URL: graph.url, WHATSAPP_ACCESS_TOKEN: TOKEN, RETRY_UNIT_MS: "20" }),
  ]);
  stage.keep();
  await waitFor(async () => (await stage.sql`select from templates limit 1`).length === 1, {
    what: "templates are known",
  });
  return {
    stage,
    meta,
    graph,
    customers: [...meta.customers],
    inboxUrl: inbox.url,
    pass: async (ms) => {
      aheadMs += ms;
      await shiftClock(stage, aheadMs);
    },
    stop: async () => {
      await graph.stop();
      await meta.stop();
      await stage.stop();
    },
  };
}
