import { startNatsServer, type NatsServerOptions, type RunningServer } from "@turno/servers";
import { rm } from "node:fs/promises";
import { openTestFolder } from "./test-run.ts";

/**
 * A nats-server of its own for a test: stream names are fixed contracts, so tests that use streams cannot share one.
 * `stop` also removes its streams.
 */
export async function startTestNats(options: Omit<NatsServerOptions, "storeDir"> = {}): Promise<RunningServer> {
  const storeDir = await openTestFolder("nats-server");
  const remove = () => rm(storeDir, { recursive: true, force: true });
  let server: RunningServer;
  try {
    server = await startNatsServer({ ...options, storeDir });
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    url: server.url,
    port: server.port,
    get failed() {
      return server.failed;
    },
    get pid() {
      return server.pid;
    },
    kill: server.kill,
    restart: server.restart,
    stop: async () => {
      await server.stop();
      await remove();
    },
  };
}
