import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { Transform } from "node:stream";

/**
 * What a faulty network does to connections.
 *
 * - `open`: passes bytes on at once.
 * - `slow`: passes each chunk on `delayMs` later, in each direction, so a round trip costs twice as much.
 * - `swallowing`: takes bytes and passes none on, in both directions, and closes nothing: a half-open connection. New
 *   connections are accepted and swallowed too, as by a firewall that drops packets behind a load balancer.
 * - `refusing`: resets the connections that are there, and each new one.
 */
export type NetworkState =
  | { kind: "open" }
  | { kind: "slow"; delayMs: number }
  | { kind: "swallowing" }
  | { kind: "refusing" };

export interface NetworkProxy {
  port: number;
  /** How many connections pass through it now. */
  readonly connections: number;
  /** Changes what happens to all connections, those that are there included. What was swallowed never arrives. */
  set(state: NetworkState): void;
  /** Resets the connections that are there; new ones are taken as before. */
  reset(): void;
  close(): Promise<void>;
}

/**
 * A TCP proxy on the loopback address that stands for the network between two processes. A connection that was swallowed
 * from stays silent for good: bytes of its stream are missing, so nothing that came later may pass.
 */
export async function startNetworkProxy(target: { host?: string; port: number }): Promise<NetworkProxy> {
  let state: NetworkState = { kind: "open" };
  const pairs = new Set<{ sockets: readonly Socket[]; isMuted: boolean }>();

  const server = createServer({ noDelay: true, allowHalfOpen: false }, (incoming) => {
    if (state.kind === "refusing") return void incoming.on("error", () => undefined).resetAndDestroy();
    const outgoing = connect({ host: target.host ?? "127.0.0.1", port: target.port, noDelay: true });
    const pair = { sockets: [incoming, outgoing], isMuted: state.kind === "swallowing" };
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      for (const socket of pair.sockets) socket.destroy();
    };
    for (const socket of pair.sockets) {
      socket.on("error", () => undefined);
      // A muted connection tells neither side that the other one is gone.
      socket.on("close", () => (pair.isMuted ? undefined : end()));
    }
    incoming.pipe(passOn(() => state, pair)).pipe(outgoing);
    outgoing.pipe(passOn(() => state, pair)).pipe(incoming);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });

  const reset = () => {
    for (const pair of pairs) {
      pairs.delete(pair);
      for (const socket of pair.sockets) socket.resetAndDestroy();
    }
  };
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return pairs.size;
    },
    set(next) {
      state = next;
      if (next.kind === "swallowing") for (const pair of pairs) pair.isMuted = true;
      if (next.kind === "refusing") reset();
    },
    reset,
    close: () => {
      reset();
      return new Promise((resolve, reject) => server.close((error) => (error ? reject(error) : resolve())));
    },
  };
}

/** Passes chunks on as the network does now; each keeps its delay, so that many are under way at once, in order. */
function passOn(stateOf: () => NetworkState, pair: { isMuted: boolean }): Transform {
  let lastAt = 0;
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const state = stateOf();
      if (pair.isMuted) return done();
      const now = performance.now();
      const delayMs = state.kind === "slow" ? state.delayMs : 0;
      const at = Math.max(lastAt, now + delayMs);
      lastAt = at;
      if (at <= now) return done(null, chunk);
      setTimeout(() => {
        if (!pair.isMuted && !stream.destroyed) stream.push(chunk);
      }, at - now);
      done();
    },
  });
  return stream;
}
