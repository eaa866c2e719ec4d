import { ConnectionFailure, toFailure } from "../failure.ts";

/**
 * The parts of the driver's own query object that this package relies on, beside its public types. `handler` hands a
 * query over when somebody awaits it, `resolve` and `reject` settle it, `state` is the session that it was written to.
 * Source: postgres 3.4.9, `src/query.js`; a test fails if another version differs.
 */
interface DriverQuery {
  handler: (query: DriverQuery) => unknown;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
  state: object | null;
  strings: unknown;
  args: unknown[];
  tagged: boolean;
  options: object;
}

/** Everything that waits for the database in one pool: queries, and whole transactions. */
export interface PoolCalls {
  /** Since when the oldest call that has left this process waits; null if none does. */
  oldestStartedAt(): number | null;
  /** Returns how many calls the pool has, and how many of them wait for a connection. */
  count(): { calls: number; waiting: number };
  /** Counts a query as a call from when it is handed over until it is settled. Returns anything else unchanged. */
  watch<T>(made: T, options?: WatchOptions): T;
  /** Counts anything else that waits. */
  note<T>(waiting: Promise<T>): Promise<T>;
  end(): void;
}

export interface WatchOptions {
  /** Why the query must not be sent; null while it may. */
  refusal?: () => Error | null;
  onFailure?: (error: unknown) => void;
}

const SWEEP_MS = 500;

/**
 * Creates the watch of a pool's calls. A query that no connection takes within `waitMs` fails, and is not sent later.
 */
export function createPoolCalls(options: { waitMs: number; onFailure: (error: unknown) => void }): PoolCalls {
  const startedAt = new Map<DriverQuery | symbol, number>();
  /** Queries that wait for any connection of the pool, not for that of their transaction. */
  const unbound = new WeakSet<DriverQuery>();
  const expire = () => {
    const now = performance.now();
    for (const [query, at] of startedAt) {
      if (typeof query === "symbol" || query.state !== null || now - at < options.waitMs) continue;
      if (!unbound.has(query)) continue;
      query.reject(new ConnectionFailure(`no connection to Postgres came free within ${options.waitMs / 1_000} s`));
      disarm(query);
    }
  };
  const timer = setInterval(expire, SWEEP_MS);
  timer.unref();
  return {
    oldestStartedAt: () => {
      for (const [query, at] of startedAt) if (typeof query === "symbol" || query.state !== null) return at;
      return null;
    },
    count: () => {
      let waiting = 0;
      let calls = 0;
      for (const query of startedAt.keys()) {
        // A transaction is one call, whatever statement it is at.
        if (typeof query === "symbol") calls += 1;
        else if (unbound.has(query)) [calls, waiting] = [calls + 1, waiting + +(query.state === null)];
      }
      return { calls, waiting };
    },
    watch: (made, { refusal, onFailure } = {}) => {
      if (!isQuery(made)) return made;
      const { handler, resolve, reject } = made;
      made.handler = (query) => {
        const refused = refusal?.() ?? null;
        if (refused !== null) return made.reject(refused);
        startedAt.set(made, performance.now());
        if (refusal === undefined) unbound.add(made);
        return handler(query);
      };
      made.resolve = (value) => {
        startedAt.delete(made);
        resolve(value);
      };
      made.reject = (error) => {
        startedAt.delete(made);
        onFailure?.(error);
        options.onFailure(error);
        reject(toFailure(error));
      };
      return made;
    },
    note: (waiting) => {
      const key = Symbol("call");
      startedAt.set(key, performance.now());
      return waiting.finally(() => startedAt.delete(key));
    },
    end: () => clearInterval(timer),
  };
}

function isQuery(made: unknown): made is DriverQuery {
  return made instanceof Promise && "handler" in made && "strings" in made;
}

/** Disarms a query that the driver keeps until a connection is there: it then sends something without effect. */
function disarm(query: DriverQuery): void {
  query.strings = ["select 1"];
  query.args = [];
  query.tagged = false;
  query.options = { simple: true };
}
