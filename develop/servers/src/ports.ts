import { randomInt } from "node:crypto";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { PortTakenFailure } from "./failure.ts";

const HOST = "127.0.0.1";

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(port, HOST, () => {
      const taken = (server.address() as AddressInfo).port;
      server.close(() => resolve(taken));
    });
  });
}

/**
 * Below the ports that systems give to clients (32768 and up on Linux, 49152 elsewhere), so that a server finds its port
 * free again when it is restarted.
 */
const [LOWEST, HIGHEST] = [10_000, 32_768];
const TRIES_MAX = 100;

/** A port on the loopback address that nobody listens on at this instant. */
export async function pickFreePort(): Promise<number> {
  for (let tries = 1; ; tries++) {
    try {
      return await listenOnce(randomInt(LOWEST, HIGHEST));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE" || tries === TRIES_MAX) throw error;
    }
  }
}

/** Throws a `PortTakenFailure` where somebody listens on the port. */
export async function assertPortIsFree(port: number): Promise<void> {
  try {
    await listenOnce(port);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") throw new PortTakenFailure(port);
    throw error;
  }
}
