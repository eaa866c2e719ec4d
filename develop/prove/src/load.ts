import { between, pick, type Customer, type Random, type Simulator, type Update } from "@turno/simulator";

const TICK_MS = 25;
/** After a hold-up of this process the load does not make up for more than this. */
const CATCH_UP_MS_MAX = 250;
const POST_UPDATES_MAX = 8;
const BURST_UPDATES_MAX = 500;

/** Customers write through the simulator's Meta: many to a POST, out of their order, some POSTs late and some twice. */
export interface Load {
  /** How many messages a second customers write from now on. */
  setRate(perSecond: number): void;
  /** So many messages at once, in large POSTs. */
  burst(count: number): void;
  /** When each message of this load was written, by its id, on this process's monotonic clock. */
  readonly writtenAt: ReadonlyMap<string, number>;
  /** Nobody writes any more. What is under way goes on. */
  stop(): void;
}

export function startLoad(simulator: Simulator, customers: readonly Customer[], random: Random): Load {
  const writtenAt = new Map<string, number>();
  let perSecond = 0;
  let owed = 0;
  let lastAt = performance.now();

  const write = (count: number): Update[] =>
    Array.from({ length: count }, () => {
      const update = simulator.message({ customer: pick(random, customers) });
      writtenAt.set(update.id, performance.now());
      return update;
    });
  const post = (count: number, sizeMax: number) => {
    const updates = shuffle(write(count), random);
    while (updates.length > 0) void simulator.post(updates.splice(0, between(random, 1, sizeMax)));
  };
  const timer = setInterval(() => {
    const now = performance.now();
    owed += (Math.min(now - lastAt, CATCH_UP_MS_MAX) / 1000) * perSecond;
    lastAt = now;
    const count = Math.floor(owed);
    owed -= count;
    if (count > 0) post(count, POST_UPDATES_MAX);
  }, TICK_MS);
  return {
    writtenAt,
    setRate: (rate) => {
      perSecond = rate;
    },
    burst: (count) => post(count, BURST_UPDATES_MAX),
    stop: () => clearInterval(timer),
  };
}

function shuffle<T>(items: T[], random: Random): T[] {
  for (let index = items.length - 1; index > 0; index--) {
    const other = Math.floor(random() * (index + 1));
    [items[index], items[other]] = [items[other] as T, items[index] as T];
  }
  return items;
}
