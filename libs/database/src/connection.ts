import { AsyncLocalStorage } from "node:async_hooks";
import type Driver from "postgres";
import { noteUndone } from "@turno/runtime";
import { ConnectionFailure, isConnectionClosing, isReadOnly, toFailure } from "./failure.ts";
import { ARRAY_TYPES, type ArrayTypes } from "./line/array-types.ts";
import { createPoolCalls, type PoolCalls } from "./line/calls.ts";
import { listenOn, type Listener } from "./line/listen.ts";
import { createPoolSockets, type PoolSockets } from "./line/sockets.ts";
import { SESSION_SETTINGS } from "./session-settings.ts";
import { postgres } from "./line/driver.ts";

const BIGINT_OID = 20;
/** How long a statement of a service may take before the server ends it. Our statements take milliseconds. */
const STATEMENT_MS_MAX = 5_000;
/** How much longer a client waits for the server before it gives the connection up for dead. */
const ANSWER_MS_MAX = 1_000;
/** How much longer a transaction may take than one of its statements: all that it holds is free again then. */
const TRANSACTION_EXTRA_MS = 5_000;
/** How long a call waits for a connection of the pool. */
const WAIT_MS_MAX = 6_500;
const CONNECT_SECONDS_MAX = 3;

export interface DatabaseOptions {
  connectionsMax: number;
  name: string;
  /** Called when a connection has closed: what its session held, such as a lock, is gone. */
  onClose?: () => void;
  /**
   * How long a statement may take, in milliseconds, for programs that are not services. A silent connection is given up
   * 1 s later.
   */
  statementMsMax?: number;
}

/**
 * Opens a pool of connections to the database. `bigint` comes back as a number: every one of ours is a counter below
 * 2^53. Plans are generic and not compiled: our statements are few and hot, and take their rows as JSON, whose length
 * the planner cannot know, so a plan for one batch serves all.
 *
 * Every call ends: by its answer, by the server's limit for a statement, or because its connection was silent for
 * longer than that; such a connection is destroyed and replaced. The call then fails with a `ConnectionFailure` or the
 * socket's own error.
 */
export function connectToDatabase(url: string, options: DatabaseOptions) {
  const { sql, sockets, calls } = openPool(url, options, () => undefined);
  const begin = sql.begin.bind(sql) as (run: Run) => Promise<unknown>;
  const unsafe = sql.unsafe.bind(sql) as (...args: never[]) => object;
  const end = sql.end.bind(sql);
  const listeners: Listener[] = [];
  const around = createAround();
  // The driver begins a transaction by `unsafe`, so this counts that statement too.
  const unwatched = Object.assign(sql, {
    unsafe: ((...args: never[]) => {
      const outer = around.transaction();
      return outer === null ? calls.watch(unsafe(...args)) : (outer.unsafe as (...given: never[]) => object)(...args);
    }) as typeof sql.unsafe,
    begin: ((run: Run) => {
      const outer = around.transaction();
      return outer === null ? calls.note(runTransaction(begin, run, calls)) : outer.savepoint(run);
    }) as typeof sql.begin,
    /**
     * Runs `run` in one transaction: every statement and transaction on this pool that it awaits is part of it, however
     * deep. What `onceKept` was given runs when all of it is kept.
     */
    beginAround: async <T>(run: (tx: Transaction) => Promise<T>): Promise<T> =>
      around.run((inTransaction) =>
        calls.note(runTransaction(begin, (tx) => inTransaction(tx, () => run(tx)), calls)),
      ) as Promise<T>,
    /** Runs `run` when the transaction around it is kept; at once where there is none. */
    onceKept: (run: () => void) => around.onceKept(run),
    listen: async (wakeUp: string, onNotify: (payload: string) => void, onListen: () => void = () => undefined) => {
      const listener = listenOn(openListening(url, options, onNotify), wakeUp, onListen);
      listeners.push(listener);
      await listener.listening;
    },
    /** Returns how much of the pool is in use: its size, its calls, and how many of them wait for a connection. */
    poolUse: () => ({ connectionsMax: options.connectionsMax, ...calls.count() }),
    /** Replaces all sessions that are not brand-new, because one of them reported something about the server. */
    replaceSessions: (reason: string) => sockets.replace(reason),
    end: async (how?: { timeout?: number }) => {
      await Promise.all(listeners.map((listener) => listener.stop()));
      await end(how);
      sockets.end();
      calls.end();
    },
  });
  return new Proxy(unwatched, {
    apply: (target, self, args: never[]) => {
      const outer = around.transaction();
      return outer === null
        ? calls.watch(Reflect.apply(target, self, args) as object)
        : (Reflect.apply(outer, undefined, args) as object);
    },
  });
}

/** The transaction around what runs now, if there is one. What goes on after its end is outside. */
function createAround() {
  interface Around {
    tx: Transaction;
    whenKept: (() => void)[];
    isOver: boolean;
  }
  const storage = new AsyncLocalStorage<Around>();
  const current = () => {
    const found = storage.getStore();
    return found === undefined || found.isOver ? null : found;
  };
  return {
    transaction: () => current()?.tx ?? null,
    onceKept: (run: () => void) => {
      const found = current();
      if (found === null) run();
      else found.whenKept.push(run);
    },
    run: async (
      begin: (inTransaction: (tx: Transaction, run: () => Promise<unknown>) => Promise<unknown>) => Promise<unknown>,
    ): Promise<unknown> => {
      const whenKept: (() => void)[] = [];
      const result = await begin(async (tx, run) => {
        const own: Around = { tx, whenKept, isOver: false };
        try {
          return await storage.run(own, run);
        } finally {
          own.isOver = true;
        }
      });
      for (const after of whenKept) after();
      return result;
    },
  };
}

function openPool(url: string, options: DatabaseOptions, onNotify: (channel: string, payload: string) => void) {
  const statementMs = options.statementMsMax ?? STATEMENT_MS_MAX;
  const calls: PoolCalls = createPoolCalls({
    waitMs: WAIT_MS_MAX,
    onFailure: (error) => {
      if (isReadOnly(error)) sockets.replace("the database is read-only: looking for the one that is not");
    },
  });
  const sockets: PoolSockets = createPoolSockets({
    silenceMs: statementMs + ANSWER_MS_MAX,
    oldestCallAt: () => calls.oldestStartedAt(),
  });
  const settings = {
    max: options.connectionsMax,
    fetch_types: false,
    socket: (target: Parameters<PoolSockets["open"]>[0]) => sockets.open(target),
    onnotice: () => undefined,
    onnotify: onNotify,
    onclose: () => options.onClose?.(),
    idle_timeout: 0,
    connect_timeout: CONNECT_SECONDS_MAX,
    // The wait between two tries is the socket's, which knows whether the server took the last one.
    backoff: () => 0,
    types: {
      bigint: { to: BIGINT_OID, from: [BIGINT_OID], parse: Number, serialize: String },
      ...ARRAY_TYPES,
    },
    connection: {
      application_name: options.name,
      ...SESSION_SETTINGS,
      statement_timeout: statementMs,
      // Ends also the session of a process that was paused between describing a statement and its values: Postgres
      // counts that neither as idle nor as a statement that runs, and its locks would stay for ever.
      transaction_timeout: statementMs + TRANSACTION_EXTRA_MS,
    },
  };
  const sql = postgres(url, settings);
  return { sql, sockets, calls };
}

function openListening(url: string, { name, statementMsMax }: DatabaseOptions, onNotify: (payload: string) => void) {
  let closes = 0;
  const options = {
    name,
    connectionsMax: 1,
    onClose: () => void (closes += 1),
    ...(statementMsMax === undefined ? {} : { statementMsMax }),
  };
  const { sql, sockets, calls } = openPool(url, options, (_channel, payload) => onNotify(payload));
  return {
    sql: new Proxy(sql, {
      apply: (target, self, args: never[]) => calls.watch(Reflect.apply(target, self, args) as object),
    }),
    closes: () => closes,
    end: async () => {
      await sql.end({ timeout: 0 });
      sockets.end();
      calls.end();
    },
  };
}

type Run = (tx: Transaction) => unknown;

/** Whether a transaction's connection is gone. Its statements must not go to the session that takes its place. */
interface Fate {
  isLost: boolean;
}

/**
 * Runs a transaction without the driver's own rollback or commit after its connection has closed. The driver would
 * write that statement to a socket that is gone, in a timer, and end the process; or to a new session, outside any
 * transaction. The transaction ends with its connection instead, and the driver waits for that too.
 */
async function runTransaction(begin: (run: Run) => Promise<unknown>, run: Run, calls: PoolCalls): Promise<unknown> {
  const fate: Fate = { isLost: false };
  try {
    return await begin(async (tx) => {
      try {
        return await holdIfLost(run(guard(tx, fate, calls)), fate);
      } catch (error) {
        // It comes before any commit. What fails in the commit may have been kept.
        noteUndone(error);
        throw error;
      }
    });
  } catch (error) {
    // A commit, and the end of the connection, the driver reports to the transaction alone.
    throw toFailure(error);
  } finally {
    fate.isLost = true;
  }
}

async function holdIfLost(running: unknown, fate: Fate): Promise<unknown> {
  try {
    const result = await running;
    if (!fate.isLost) return result;
  } catch (error) {
    if (!fate.isLost) throw error;
  }
  return new Promise(() => undefined);
}

/** Watches a transaction's statements, and refuses those that come after its connection has ended. */
function guard(tx: Transaction, fate: Fate, calls: PoolCalls): Transaction {
  const watched = {
    refusal: () => (fate.isLost ? new ConnectionFailure("the transaction's connection is gone") : null),
    onFailure: (error: unknown) => {
      if (isConnectionClosing(error)) fate.isLost = true;
    },
  };
  const replaced: Partial<Record<string | symbol, unknown>> = {
    unsafe: (...args: never[]) => calls.watch((tx.unsafe as (...args: never[]) => object)(...args), watched),
    savepoint: (run: Run) => tx.savepoint((inner) => holdIfLost(run(guard(inner as Transaction, fate, calls)), fate)),
  };
  return new Proxy(tx, {
    apply: (target, self, args: never[]) => calls.watch(Reflect.apply(target, self, args) as object, watched),
    get: (target, key) => replaced[key] ?? (Reflect.get(target, key) as unknown),
  });
}

export type Sql = ReturnType<typeof connectToDatabase>;

/** A connection on which a transaction is open. */
export type Transaction = Driver.TransactionSql<{ bigint: number } & ArrayTypes>;

/** A part of a statement, for use in another one. */
export type Fragment = Driver.PendingQuery<Driver.Row[]>;
