import { type Customer } from "./customers.ts";
import {
  type Attempt,
  createDeliveryQueue,
  defaultDeliveryOptions,
  type DeliveryCounts,
  type DeliveryOptions,
  type DeliveryQueue,
} from "./delivery-queue.ts";
import { type SimulatedChannel, POST_BYTES_MAX, type Update, UPDATES_PER_POST_MAX, wrapDelivery } from "./envelope.ts";
import { createHttpPoster, type PostOutcome } from "./http-post.ts";
import { createLedger, type Ledger } from "./ledger.ts";
import { createPlays, type Plays } from "./plays.ts";
import { forkRandom, type Random } from "./random.ts";
import { signBody } from "./signature.ts";
import { createTraffic, defaultTrafficOptions, type Traffic, type TrafficOptions } from "./traffic.ts";

export interface SimulatorOptions {
  /** The whole address of the gateway's webhook, http. */
  url: string;
  appSecret: string;
  /** Fixes everything that is sent: the same source, clock and calls give the same bytes in the same order. */
  random: Random;
  /** Meta's clock, ms since the epoch; a clock that runs fast makes a day of traffic in minutes. */
  now: () => number;
  customers: readonly Customer[];
  channels: readonly SimulatedChannel[];
  delivery?: Partial<DeliveryOptions>;
  traffic?: Partial<TrafficOptions>;
  /** Updates that wait together and leave in any order; 0 and 1 keep the order. */
  reorderWindow?: number;
  /** Called after each attempt to deliver, also the failed ones. */
  onAttempt?: (attempt: Attempt) => void;
}

export interface SimulatorStats extends DeliveryCounts {
  updates: number;
  updatesAccepted: number;
  /** Of the POSTs answered 200; 0 where there is none. */
  p99Ms: number;
}

export interface Simulator extends Plays {
  readonly ledger: Ledger;
  readonly customers: readonly Customer[];
  readonly channels: readonly SimulatedChannel[];
  /** Makes a customer's next message and notes it in the ledger; `post` sends it. */
  message: Traffic["message"];
  /** Sends updates in as few POSTs as hold them, again and again until answered 200. Resolves false where one was given up. */
  post(updates: readonly Update[]): Promise<boolean>;
  /** Sends a body once, as it is, outside of the ledger; signed unless a signature (or null for none) is given. */
  postRaw(body: string | Uint8Array, options?: RawOptions): Promise<PostOutcome>;
  /** Resolves when everything handed over was answered 200 and repeated as often as it should be, or given up. */
  drain(): Promise<void>;
  /** Ends plays and deliveries, closes connections. What was on its way counts as unanswered. */
  stop(): Promise<void>;
  stats(): SimulatorStats;
}

interface RawOptions {
  signature?: string | null;
  headers?: Readonly<Record<string, string>>;
}

/** Creates a Meta in the box for one gateway. It opens no connection until something is sent. */
export function createSimulator(options: SimulatorOptions): Simulator {
  const { random, now, customers, channels, url, appSecret, onAttempt, reorderWindow = 0 } = options;
  if (customers.length === 0 || channels.length === 0) {
    throw new RangeError("a simulator needs a customer and a channel");
  }
  const delivery = { ...defaultDeliveryOptions, ...options.delivery };
  const ledger = createLedger(String(random()));
  // Each part draws from a source of its own: the network's whims must not move what the customers write.
  const wire = { url, appSecret, ledger, now, random: forkRandom(random), onAttempt };
  const queue = createDeliveryQueue({ ...delivery, ...wire });
  const people = { customers, channels, ledger, random: forkRandom(random), now };
  const traffic = createTraffic({ ...defaultTrafficOptions, ...options.traffic, ...people });
  const send = createSending(queue, ledger, forkRandom(random));
  const plays = createPlays({
    next: () => traffic.next(),
    send: (updates) => void send(updates),
    untilPending: (pendingMax) => queue.untilPending(pendingMax),
    reorderWindow,
    concurrency: delivery.concurrency,
    random: forkRandom(random),
  });
  const rawPoster = createHttpPoster({ url, concurrency: delivery.concurrency, timeoutMs: delivery.timeoutMs });

  return {
    ...plays,
    ledger,
    customers,
    channels,
    message: (request) => traffic.message(request),
    async post(updates) {
      const results = await Promise.all(send(updates));
      return results.every(Boolean);
    },
    postRaw(body, { signature, headers } = {}) {
      const bytes = typeof body === "string" ? Buffer.from(body) : body;
      const given = signature === undefined ? signBody(bytes, appSecret) : signature;
      return rawPoster.post(bytes, { ...(given === null ? {} : { "X-Hub-Signature-256": given }), ...headers });
    },
    drain: () => queue.untilPending(0),
    async stop() {
      plays.stopPlays();
      rawPoster.close();
      await queue.stop();
    },
    stats: () => ({
      ...queue.counts(),
      updates: ledger.size,
      updatesAccepted: ledger.acceptedCount,
      p99Ms: queue.p99Ms(),
    }),
  };
}

/** Packs updates into parcels within Meta's limits, in their order, and hands them to delivery. */
function createSending(queue: DeliveryQueue, ledger: Ledger, random: Random) {
  const entryOf = ({ entry, kind, customer, id }: Update) =>
    entry ?? ledger.add({ kind, customer: customer?.index ?? -1, ordinal: 0, id });

  return function send(updates: readonly Update[]): Promise<boolean>[] {
    const isTooMany = updates.length > UPDATES_PER_POST_MAX;
    const body = isTooMany ? "" : wrapDelivery(updates, random);
    if (isTooMany || (body.length > POST_BYTES_MAX && updates.length > 1)) {
      const cut = isTooMany ? UPDATES_PER_POST_MAX : updates.length >> 1;
      return [...send(updates.slice(0, cut)), ...send(updates.slice(cut))];
    }
    const customers = new Set<number>();
    for (const { customer } of updates) if (customer !== undefined) customers.add(customer.index);
    return [queue.push({ body: Buffer.from(body, "latin1"), entries: updates.map(entryOf), customers })];
  };
}
