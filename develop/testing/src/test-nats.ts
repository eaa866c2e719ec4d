import { connectToNats, provisionAll } from "@turno/messaging";
import { startNatsServer, type NatsServerOptions, type RunningNatsServer } from "@turno/servers";
import { rm } from "node:fs/promises";
import { openTestFolder } from "./test-run.ts";

/**
 * A nats-server of its own for a test: stream names are fixed contracts, so tests that use streams cannot share one.
 * It has no streams; `stop` also removes what it was given.
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

/** Makes streams and consumers, as the provisioner does, for a test that starts services alone. */
export async function provisionTestNats(nats: RunningNatsServer): Promise<void> {
  const connection = await connectToNats({ url: nats.urlOf("provisioner"), name: "test" });
  await provisionAll(connection);
  await connection.close();
}
