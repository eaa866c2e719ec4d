import { createHistogram } from "node:perf_hooks";
import { createCustomerOrder, type Ordered } from "./customer-order.ts";
import { createHttpPoster, type HttpPoster } from "./http-post.ts";
import { type Ledger } from "./ledger.ts";
import { forkRandom, type Random } from "./random.ts";
import { signBody } from "./signature.ts";

/** How deliveries behave on the wire. All durations are real ones, in ms. */
export interface DeliveryOptions {
  /** POSTs on their way at a time. */
  concurrency: number;
  /** After this long without an answer a POST counts as failed. */
  timeoutMs: number;
  /** The first wait before resending; each further one is twice as long up to the longest, and varied by half. */
  retryMs: number;
  retryMsMax: number;
  /** Meta resends for seven days. */
  giveUpAfterMs: number;
  /** Share of the deliveries answered 200 that come again all the same, and how often at most. */
  repeatShare: number;
  repeatCountMax: number;
  /** Share of the deliveries that leave late, by up to `delayMsMax`. */
  delayShare: number;
  delayMsMax: number;
  /** Whether a customer's later delivery leaves only once the earlier one was answered 200. */
  isStrictPerCustomer: boolean;
}

export const defaultDeliveryOptions: DeliveryOptions = {
  concurrency: 32,
  timeoutMs: 10_000,
  retryMs: 1_000,
  retryMsMax: 3_600_000,
  giveUpAfterMs: 7 * 24 * 3_600_000,
  repeatShare: 0,
  repeatCountMax: 1,
  delayShare: 0,
  delayMsMax: 0,
  isStrictPerCustomer: false,
};

/** What is to be delivered: the exact bytes, the ledger's indexes of the updates in them, the customers concerned. */
interface Parcel {
  body: Buffer;
  entries: readonly number[];
  readonly customers: ReadonlySet<number>;
}

/** One attempt, as told to `onAttempt`. `isRepeat` is true once the same bytes were answered 200 before. */
export interface Attempt {
  entries: readonly number[];
  status: number | null;
  failure: string | null;
  startedAt: number;
  durationMs: number;
  isRepeat: boolean;
}

export interface DeliveryCounts {
  posts: number;
  accepted: number;
  refused: number;
  unanswered: number;
  repeated: number;
  givenUp: number;
  pending: number;
}

export interface DeliveryQueue {
  /** Takes a parcel; resolves true once it was answered 200, false where it was given up or the queue stopped. */
  push(parcel: Parcel): Promise<boolean>;
  /** Resolves when at most `pendingMax` deliveries are unfinished (waiting, on their way, to be resent or repeated). */
  untilPending(pendingMax: number): Promise<void>;
  stop(): Promise<void>;
  counts(): DeliveryCounts;
  /** How long 99 in 100 of the POSTs answered 200 took at most; 0 where there is none. */
  p99Ms(): number;
}

export interface DeliveryQueueOptions extends DeliveryOptions {
  url: string;
  appSecret: string;
  ledger: Ledger;
  now: () => number;
  random: Random;
  onAttempt?: ((attempt: Attempt) => void) | undefined;
}

/** Delivers parcels as Meta does: signed, several at a time, again and again until the answer is exactly 200. */
export function createDeliveryQueue(options: DeliveryQueueOptions): DeliveryQueue {
  return new WebhookDeliveryQueue(options);
}

interface Delivery extends Parcel, Ordered {
  signature: string;
  delayMs: number;
  repeatsLeft: number;
  attempts: number;
  firstAttemptAt: number;
  isAccepted: boolean;
  settle: (isAccepted: boolean) => void;
}

class WebhookDeliveryQueue implements DeliveryQueue {
  /** In microseconds. */
  readonly #latencies = createHistogram({ highest: 3_600_000_000, figures: 2 });
  readonly #options: DeliveryQueueOptions;
  readonly #poster: HttpPoster;
  /** Waits are drawn when the network makes them necessary, so they must not move what else is drawn. */
  readonly #waitRandom: Random;
  readonly #order = createCustomerOrder<Delivery>();
  readonly #totals = { posts: 0, accepted: 0, refused: 0, unanswered: 0, repeated: 0, givenUp: 0 };
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #unfinished = new Set<Delivery>();
  /** What may leave at once, from `#readyHead` on: a plain `shift` would move a long array for each POST. */
  #ready: Delivery[] = [];
  #readyHead = 0;
  #inFlight = 0;
  #isStopped = false;
  #waiters: { pendingMax: number; resolve: () => void }[] = [];

  constructor(options: DeliveryQueueOptions) {
    this.#options = options;
    this.#waitRandom = forkRandom(options.random);
    this.#poster = createHttpPoster(options);
  }

  push(parcel: Parcel): Promise<boolean> {
    if (this.#isStopped) return Promise.resolve(false);
    const { random, delayShare, delayMsMax, repeatShare, repeatCountMax, appSecret, isStrictPerCustomer } =
      this.#options;
    // What a delivery will suffer is drawn here, in the order of the parcels, so that it follows from the seed alone.
    const delayMs = random() < delayShare ? random() * delayMsMax : 0;
    const repeatsLeft = random() < repeatShare ? 1 + Math.floor(random() * repeatCountMax) : 0;
    const signature = signBody(parcel.body, appSecret);
    const { promise, resolve: settle } = Promise.withResolvers<boolean>();
    const progress = { attempts: 0, firstAttemptAt: 0, isAccepted: false, blockers: 0, dependents: [] };
    const delivery: Delivery = { ...parcel, signature, delayMs, repeatsLeft, settle, ...progress };
    this.#unfinished.add(delivery);
    if (!isStrictPerCustomer || this.#order.enter(delivery)) this.#start(delivery);
    return promise;
  }

  async untilPending(pendingMax: number): Promise<void> {
    if (this.#isStopped || this.#unfinished.size <= pendingMax) return;
    await new Promise<void>((resolve) => this.#waiters.push({ pendingMax, resolve }));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#poster.close();
    if (this.#inFlight > 0) await new Promise<void>((resolve) => this.#waiters.push({ pendingMax: 0, resolve }));
    this.#wake();
    for (const delivery of this.#unfinished) delivery.settle(delivery.isAccepted);
    this.#unfinished.clear();
  }

  counts(): DeliveryCounts {
    return { ...this.#totals, pending: this.#unfinished.size };
  }

  p99Ms(): number {
    return this.#latencies.percentile(99) / 1000;
  }

  #start(delivery: Delivery): void {
    if (delivery.delayMs > 0) this.#enqueueLater(delivery, delivery.delayMs);
    else this.#enqueue(delivery);
  }

  #enqueueLater(delivery: Delivery, delayMs: number): void {
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        this.#enqueue(delivery);
      },
      Math.min(delayMs, timerMsMax),
    );
    this.#timers.add(timer);
  }

  #enqueue(delivery: Delivery): void {
    this.#ready.push(delivery);
    this.#pump();
  }

  #pump(): void {
    while (!this.#isStopped && this.#inFlight < this.#options.concurrency && this.#readyHead < this.#ready.length) {
      void this.#attempt(this.#ready[this.#readyHead++] as Delivery);
    }
    if (this.#readyHead > 1_024 && this.#readyHead * 2 > this.#ready.length) {
      this.#ready = this.#ready.slice(this.#readyHead);
      this.#readyHead = 0;
    }
  }

  async #attempt(delivery: Delivery): Promise<void> {
    const { ledger, now, onAttempt } = this.#options;
    const { entries, isAccepted: isRepeat } = delivery;
    this.#inFlight += 1;
    this.#totals.posts += 1;
    delivery.attempts += 1;
    for (const entry of entries) ledger.markSent(entry);
    const startedAt = now();
    if (delivery.attempts === 1) delivery.firstAttemptAt = performance.now();
    const outcome = await this.#poster.post(delivery.body, { "X-Hub-Signature-256": delivery.signature });
    const { status, failure, durationMs } = outcome;
    this.#inFlight -= 1;
    if (status === 200) this.#accept(delivery, durationMs);
    else this.#refuse(delivery, status);
    onAttempt?.({ entries, status, failure, startedAt, durationMs, isRepeat });
    this.#wake();
    this.#pump();
  }

  #accept(delivery: Delivery, durationMs: number): void {
    const { ledger, now, retryMs } = this.#options;
    this.#latencies.record(Math.max(1, Math.round(durationMs * 1000)));
    const at = now();
    for (const entry of delivery.entries) ledger.markAccepted(entry, at);
    if (delivery.isAccepted) this.#totals.repeated += 1;
    else {
      this.#totals.accepted += 1;
      delivery.isAccepted = true;
      this.#settle(delivery);
    }
    if (delivery.repeatsLeft > 0 && !this.#isStopped) {
      delivery.repeatsLeft -= 1;
      this.#enqueueLater(delivery, this.#waitRandom() * retryMs);
    } else this.#unfinished.delete(delivery);
  }

  #refuse(delivery: Delivery, status: number | null): void {
    if (status === null) this.#totals.unanswered += 1;
    else this.#totals.refused += 1;
    if (this.#isStopped) return;
    const { retryMs, retryMsMax, giveUpAfterMs } = this.#options;
    const growth = 2 ** Math.min(delivery.attempts - 1, 40);
    const delayMs = Math.min(retryMs * growth, retryMsMax) * (0.5 + this.#waitRandom());
    if (performance.now() + delayMs - delivery.firstAttemptAt <= giveUpAfterMs) {
      this.#enqueueLater(delivery, delayMs);
      return;
    }
    this.#unfinished.delete(delivery);
    if (delivery.isAccepted) return;
    this.#totals.givenUp += 1;
    this.#settle(delivery);
  }

  #settle(delivery: Delivery): void {
    delivery.settle(delivery.isAccepted);
    if (!this.#options.isStrictPerCustomer) return;
    for (const next of this.#order.leave(delivery)) this.#start(next);
  }

  #wake(): void {
    const isDue = ({ pendingMax }: { pendingMax: number }) =>
      this.#isStopped ? this.#inFlight === 0 : this.#unfinished.size <= pendingMax;
    const due = this.#waiters.filter(isDue);
    if (due.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => !due.includes(waiter));
    for (const { resolve } of due) resolve();
  }
}

/** The longest wait that Node's timers know; beyond it they fire at once. */
const timerMsMax = 2_147_483_647;
