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

/** A port on the loopback address that nobody listens on at this instant. */
export function pickFreePort(): Promise<number> {
  return listenOnce(0);
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
