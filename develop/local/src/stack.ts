import type { NatsUser } from "@turno/contracts";
import { migrateDatabase, type DatabaseService } from "@turno/database";
import { developmentAddress, developmentPasswords } from "@turno/database/development-roles";
import {
  assertPortIsFree,
  pickFreePort,
  PortTakenFailure,
  startNatsServer,
  startPostgres,
  type Progress,
  type RunningServer,
} from "@turno/servers";
import { join } from "node:path";
import { REAL_CLOCK, startClock, type LocalClock } from "./clock.ts";
import type { Secrets } from "./data-folder.ts";
import { keepRunning, type Part } from "./keep-running.ts";
import { startMeta, type LocalMeta } from "./meta.ts";
import { startServices, type LocalService } from "./services.ts";
import type { StartSettings } from "./settings.ts";

const NATS_PORT = 4222;

export interface Stack {
  databaseUrl: string;
  natsUrl: string;
  clock: LocalClock;
  meta: LocalMeta;
  services: Map<string, LocalService>;
  /** Rejects when a part ends again and again. */
  failed: Promise<never>;
}

export interface StackOptions {
  settings: StartSettings;
  folder: string;
  secrets: Secrets;
  /** Another one for each start. */
  seed: number;
  onProgress: Progress;
  /** Told of a part that ended and of its return. */
  onChange: (what: string) => void;
  /** Handed what ends each part as soon as it runs, so that a start which is broken off can be undone. */
  onCleanup: (cleanup: () => Promise<void>) => void;
  isStopping: () => boolean;
}

async function assertFree(port: number, setting: string): Promise<void> {
  if (port === 0) return;
  try {
    await assertPortIsFree(port);
  } catch (error) {
    if (!(error instanceof PortTakenFailure)) throw error;
    throw new Error(`Port ${port} is taken by another program. Choose another one: ${setting}=${port + 10} npm start`, {
      cause: error,
    });
  }
}

async function pickNatsPort(settings: StartSettings): Promise<number> {
  if (settings.natsPort !== null && settings.natsPort !== 0) return settings.natsPort;
  if (settings.natsPort === 0) return pickFreePort();
  return assertPortIsFree(NATS_PORT).then(() => NATS_PORT, pickFreePort);
}

function asPart(name: string, server: RunningServer): Part {
  return { name, ended: () => server.failed, restart: server.restart };
}

/** Starts both servers, or takes those that were named. */
async function startServers(options: StackOptions, adopt: (name: string, server: RunningServer) => string) {
  const { settings, folder, onProgress } = options;
  const startNats = async () => {
    const storeDir = join(folder, "nats");
    const server = await startNatsServer({ storeDir, port: await pickNatsPort(settings), onProgress });
    onProgress(`nats-server is up on port ${server.port}`);
    return { natsUrl: adopt("nats-server", server), natsUrlOf: server.urlOf };
  };
  const startDatabase = async () => {
    const server = await startPostgres({ dataDir: join(folder, "postgres"), onProgress });
    onProgress(`Postgres is up on port ${server.port}`);
    return adopt("Postgres", server);
  };
  const given = settings.natsUrl;
  const broker = given === null ? startNats() : { natsUrl: given, natsUrlOf: (_user: NatsUser) => given };
  return Promise.all([broker, settings.databaseUrl ?? startDatabase()]);
}

/** Starts servers, migrates, sets the clock, and starts Meta in the box and the services. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { settings, secrets, seed, onProgress, onCleanup } = options;
  await assertFree(settings.gatewayPort, "GATEWAY_PORT");
  await assertFree(settings.inboxPort, "INBOX_PORT");
  if (settings.natsUrl === null && settings.natsPort !== null) await assertFree(settings.natsPort, "NATS_PORT");
  const parts: Part[] = [];
  const [{ natsUrl, natsUrlOf }, databaseUrl] = await startServers(options, (name, server) => {
    parts.push(asPart(name, server));
    onCleanup(server.stop);
    return server.url;
  });
  await migrateDatabase(databaseUrl, { passwords: developmentPasswords(databaseUrl) });
  onProgress("the database's schema is up to date");
  const clock = settings.databaseUrl === null ? await startClock(databaseUrl, settings.speed) : REAL_CLOCK;
  onCleanup(clock.stop);
  // Meta has to know where the gateway will be before the sender can know where Meta is.
  const gatewayPort = settings.gatewayPort === 0 ? await pickFreePort() : settings.gatewayPort;
  const gatewayUrl = `http://127.0.0.1:${gatewayPort}`;
  const meta = await startMeta({ gatewayUrl, secrets, rate: settings.rate, seed, clock });
  onCleanup(meta.stop);

  const services = new Map<string, LocalService>();
  const { inboxPort } = settings;
  const databaseUrlOf = (service: DatabaseService) => developmentAddress(databaseUrl, service);
  const around = { databaseUrlOf, natsUrlOf, gatewayPort, inboxPort, graphUrl: meta.graphUrl, secrets };
  await startServices(around, (service) => {
    services.set(service.name, service);
    parts.push(service);
    onCleanup(() => service.stop());
    onProgress(`${service.name} listens on ${service.url}`);
  });
  const watch = { isStopping: options.isStopping, onChange: options.onChange, now: () => performance.now() };
  const failed = Promise.race(
    parts.map(async (part) => {
      await keepRunning(part, watch);
      return new Promise<never>(() => undefined);
    }),
  );
  return { databaseUrl, natsUrl, clock, meta, services, failed };
}
