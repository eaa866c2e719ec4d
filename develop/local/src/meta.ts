import {
  createCustomers,
  createGraphServer,
  createRandom,
  createSimulator,
  type Customer,
  type GraphServer,
  type Random,
  type SimulatorStats,
} from "@turno/simulator";
import type { LocalClock } from "./clock.ts";
import type { Secrets } from "./data-folder.ts";
import { SEED_ACCOUNT_ID, SEED_CHANNELS } from "./seed.ts";
import { CURL } from "./webhook-sample.ts";

/** Everybody on WhatsApp, the same people at each start. */
const CUSTOMERS_COUNT = 20_000;
/** Those who write: few enough that people come back within minutes; with a higher rate there are more of them. */
const WRITERS_COUNT_MIN = 600;
const WRITERS_EACH_PER_SECOND = 200;
/** People in the middle of writing something, for each message a second. */
const WRITING_EACH_PER_SECOND = 6;
/** One customer in so many writes to the manual group, whose queue waits for somebody to claim. */
const BILLING_ONE_IN = 8;
/** Every so often many write at once, so that queues form and drain. */
const RUSH_EVERY_MS = 45_000;
const RUSH_SECONDS = 8;

/** Meta in the box: customers who write, and the Graph API that the sender calls. */
export interface LocalMeta {
  readonly graphUrl: string;
  /** Customers write from now on, until `stopTraffic`. */
  startTraffic(): void;
  stopTraffic(): Promise<void>;
  /** Tells of a message of an earlier start or of one posted by hand, because Meta knows sessions that this simulator has not seen. */
  remember(customer: { userId: string | null; phone: string | null }, wroteAt: number): void;
  readonly stop: () => Promise<void>;
  stats(): SimulatorStats;
}

export interface MetaOptions {
  gatewayUrl: string;
  secrets: Secrets;
  /** Messages a second; 0: nobody writes unasked. */
  rate: number;
  /** Another one for each start: message ids follow from it. The customers are always the same ones. */
  seed: number;
  clock: LocalClock;
}

function channelOf({ phoneNumberId }: { phoneNumberId: string }, displayPhoneNumber: string) {
  return { accountId: SEED_ACCOUNT_ID, phoneNumberId, displayPhoneNumber };
}

/** Who writes by curl can be answered too. */
function customerByHand(): Customer {
  const more = { username: null, userId: "US.10000000curl", phoneVisible: true, ordinal: 0, lastWroteAt: null };
  return { ...CURL, ...more, index: CUSTOMERS_COUNT };
}

/** Most customers answer a template by its button, about half of them a text, after a few seconds each. */
function addAnswers(graph: GraphServer, random: Random): void {
  const isLucky = (share: number) => random() < share;
  graph.answer({ when: ({ type }) => type === "template" && isLucky(0.75), type: "button", afterMs: 2000 });
  graph.answer({ when: ({ type }) => type === "text" && isLucky(0.2), type: "text", afterMs: 1500 });
  graph.answer({ when: ({ type }) => type === "text" && isLucky(0.2), type: "text", afterMs: 3000 });
  graph.answer({ when: ({ type }) => type === "text" && isLucky(0.2), type: "text", afterMs: 5000 });
}

/** Starts the Graph API; nothing is posted before `startTraffic`. */
export async function startMeta({ gatewayUrl, secrets, rate, seed, clock }: MetaOptions): Promise<LocalMeta> {
  const customers = [...createCustomers({ count: CUSTOMERS_COUNT, random: createRandom(1) }), customerByHand()];
  const writersCount = Math.max(WRITERS_COUNT_MIN, Math.ceil(rate * WRITERS_EACH_PER_SECOND));
  const support = channelOf(SEED_CHANNELS.support, "15550100001");
  const simulator = createSimulator({
    url: `${gatewayUrl}/webhooks/whatsapp`,
    appSecret: secrets.appSecret,
    random: createRandom(seed),
    now: clock.now,
    customers: customers.slice(0, writersCount),
    channels: [
      ...Array.from({ length: BILLING_ONE_IN - 1 }, () => support),
      channelOf(SEED_CHANNELS.billing, "15550100002"),
    ],
    delivery: { repeatShare: 0.02 },
    traffic: { activeMax: Math.max(3, Math.ceil(rate * WRITING_EACH_PER_SECOND)), messagesMax: 4 },
  });
  const graph = await createGraphServer({
    // An earlier start with a higher rate may have let people write who are silent in this one.
    simulator: { ...simulator, customers },
    accessTokens: [secrets.accessToken],
    random: createRandom(seed + 1),
    now: clock.now,
    statuses: { stepMsMax: 1500, lateShare: 0.03, shuffledShare: 0.02 },
    // A number that is not on WhatsApp, and answers that are lost on their way.
    faults: [
      { fault: { kind: "failed", code: 131026 }, share: 0.01 },
      { fault: { kind: "server-error", accepts: true }, share: 0.005 },
    ],
  });
  addAnswers(graph, createRandom(seed + 2));
  const known = new Map<string | null, Customer>();
  for (const customer of customers) known.set(customer.userId, customer).set(customer.phone, customer);
  let rush: NodeJS.Timeout | undefined;
  return {
    graphUrl: graph.url,
    stats: () => simulator.stats(),
    startTraffic: () => {
      if (rate === 0) return;
      simulator.steady({ perSecond: rate });
      const writing = Math.ceil(rate * RUSH_SECONDS);
      rush = setInterval(() => simulator.burst(writing, { least: 1, most: 1 }), RUSH_EVERY_MS);
    },
    stopTraffic: () => {
      clearInterval(rush);
      return simulator.stop();
    },
    remember: ({ userId, phone }, wroteAt) => {
      const customer = known.get(userId) ?? known.get(phone);
      if (customer === undefined) return;
      const at = Math.min(wroteAt, clock.now());
      customer.lastWroteAt = Math.max(at, customer.lastWroteAt ?? at);
    },
    stop: () => graph.stop(),
  };
}
