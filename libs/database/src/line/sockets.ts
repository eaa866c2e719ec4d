import { Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { ConnectionFailure } from "../failure.ts";

/** The driver's description of where to connect. */
interface Target {
  host: readonly string[];
  port: readonly number[];
  /** A unix socket; false for TCP. */
  path: string | false;
}

interface Seen {
  openedAt: number;
  bytesRead: number;
  bytesWritten: number;
  readAt: number;
  /** Since when an answer is owed: something was written and nothing read since; null if none is known to be. */
  owedSince: number | null;
}

const SWEEP_MS = 500;
/** A sweep this late means that the whole process was paused, not that the other side was silent. */
const PAUSED_MS = 2_000;
/** A connection that lived this long was accepted by the server, so the next one comes at once. */
const TAKEN_MS = 1_000;
const RETRY_MS_LEAST = 100;
const RETRY_MS_MOST = 2_000;
/** How often sessions are replaced on a database that stays read-only, instead of with each statement. */
const REPLACE_MS = 3_000;

/** Owns the sockets of a pool: opens each, and gives up those on which nobody answers. */
export interface PoolSockets {
  /** Opens a socket. The driver calls it at first and after each close. */
  open(target: Target): Promise<Socket>;
  /** Ends all sessions that are not brand-new: another server may now stand behind the address. */
  replace(reason: string): void;
  /** Opens no more sockets. */
  end(): void;
}

/**
 * Creates the sockets of a pool. A socket on which something was written and nothing read for `silenceMs` is dead,
 * whatever TCP believes: it is destroyed, and everything that waits on it fails. `oldestCallAt` returns since when the
 * pool's oldest running call waits, because the socket does not show an answer that is owed after another one was read.
 */
export function createPoolSockets(options: { silenceMs: number; oldestCallAt: () => number | null }): PoolSockets {
  const { silenceMs } = options;
  const sockets = new Map<Socket, Seen>();
  let failuresInRow = 0;
  let opened = 0;
  let hasEnded = false;
  let sweptAt = performance.now();

  const silence = `Postgres did not answer for ${silenceMs / 1_000} s: the connection is given up`;
  const noteClosed = (socket: Socket, { openedAt }: Seen) => {
    if (!sockets.delete(socket)) return;
    failuresInRow = performance.now() - openedAt > TAKEN_MS ? 0 : failuresInRow + 1;
  };
  const sweep = () => {
    const now = performance.now();
    const wasPaused = now - sweptAt > PAUSED_MS;
    sweptAt = now;
    const oldestCallAt = options.oldestCallAt();
    const isCallOverdue = oldestCallAt !== null && now - oldestCallAt > silenceMs;
    let isSilent = isCallOverdue;
    for (const [socket, seen] of sockets) {
      look(socket, seen, now);
      if (wasPaused) Object.assign(seen, { readAt: now, owedSince: seen.owedSince === null ? null : now });
      isSilent ||= seen.owedSince !== null && now - seen.owedSince > silenceMs;
    }
    if (!isSilent) return;
    // The others that heard nothing meanwhile lead to the same place: found one by one, each would cost a call as much.
    for (const [socket, seen] of sockets) if (now - seen.readAt > silenceMs) giveUp(socket, silence);
  };
  const timer = setInterval(sweep, SWEEP_MS);
  timer.unref();

  const connect = ({ host, port, path }: Target) => {
    const socket = new Socket();
    const now = performance.now();
    const seen: Seen = { openedAt: now, bytesRead: 0, bytesWritten: 0, readAt: now, owedSince: null };
    sockets.set(socket, seen);
    // The driver takes away what listens to the events of a socket that it puts TLS on.
    const destroy = socket.destroy.bind(socket);
    socket.destroy = (error) => {
      noteClosed(socket, seen);
      return destroy(error);
    };
    const index = opened++ % host.length;
    // A pass of the event loop later the driver listens to it, and hears of a failure that comes at once.
    setImmediate(() => {
      if (hasEnded) giveUp(socket, "the pool of connections was ended");
      else if (path !== false) socket.connect(path);
      else socket.connect(port[index] ?? 5432, host[index] ?? "localhost");
    });
    // By this name the driver asks for the server's certificate.
    return Object.assign(socket, { host: host[index] });
  };
  return {
    open: async (target) => {
      const mostMs = Math.min(RETRY_MS_MOST, RETRY_MS_LEAST * 2 ** failuresInRow);
      if (failuresInRow > 0 && !hasEnded) await pause(mostMs * (0.5 + Math.random() / 2));
      return connect(target);
    },
    replace: (reason) => {
      const now = performance.now();
      const old = [...sockets].filter(([, { openedAt }]) => now - openedAt > REPLACE_MS);
      // The caller may be about to roll back on one of them, which must not meet a socket that is gone.
      setImmediate(() => {
        for (const [socket] of old) giveUp(socket, reason);
      });
    },
    end: () => {
      hasEnded = true;
      clearInterval(timer);
      for (const socket of sockets.keys()) socket.destroy();
    },
  };
}

function giveUp(socket: Socket, reason: string): void {
  socket.destroy(new ConnectionFailure(reason));
}

function look({ bytesRead, bytesWritten }: Socket, seen: Seen, now: number): void {
  if (bytesRead !== seen.bytesRead) Object.assign(seen, { bytesRead, bytesWritten, readAt: now, owedSince: null });
  else if (bytesWritten !== seen.bytesWritten) {
    seen.bytesWritten = bytesWritten;
    seen.owedSince ??= now;
  }
}
