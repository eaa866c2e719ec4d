import { startNatsServer, type NatsServerOptions, type RunningNatsServer } from "@turno/servers";
import { rm } from "node:fs/promises";
import { openTestFolder } from "./test-run.ts";

/**
 * A nats-server of its own for a test: stream names are fixed contracts, so tests that use streams cannot share one.
 * `stop` also removes its streams.
 */
export async function startTestNats(options: Omit<NatsServerOptions, "storeDir"> = {}): Promise<RunningNatsServer> {
  const storeDir = await openTestFolder("nats-server");
  const remove = () => rm(storeDir, { recursive: true, force: true });
  let server: RunningNatsServer;
  try {
    server = await startNatsServer({ ...options, storeDir });
  } catch (error) {
    await remove();
    throw error;
  }
  const { stop } = server;
  return Object.assign(server, {
    stop: async () => {
      await stop();
      await remove();
    },
  });
}
