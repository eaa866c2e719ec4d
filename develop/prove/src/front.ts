import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** What stands before the gateways: one address for Meta. */
export interface Front {
  port: number;
  close(): Promise<void>;
}

/** Shares connections out over the ports in turn; one that does not take a connection is passed over. */
export async function startFront(ports: () => readonly number[]): Promise<Front> {
  const sockets = new Set<Socket>();
  let turn = 0;
  const server = createServer({ noDelay: true }, (incoming) => {
    incoming.on("error", () => undefined);
    sockets.add(incoming);
    incoming.once("close", () => sockets.delete(incoming));
    const list = ports();
    turn += 1;
    const tryNext = (tries: number): void => {
      const port = list[(turn + tries) % list.length];
      if (port === undefined || tries >= list.length) return void incoming.resetAndDestroy();
      const outgoing = connect({ host: "127.0.0.1", port, noDelay: true });
      outgoing.once("error", () => tryNext(tries + 1));
      outgoing.once("connect", () => {
        outgoing.removeAllListeners("error");
        outgoing.on("error", () => incoming.destroy());
        outgoing.once("close", () => incoming.destroy());
        incoming.once("close", () => outgoing.destroy());
        incoming.pipe(outgoing).pipe(incoming);
      });
    };
    tryNext(0);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
