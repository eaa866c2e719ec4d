import type { NatsUser } from "@turno/contracts";
import type { DatabaseService } from "@turno/database";
import { startServiceProcess, type ServiceProcess } from "@turno/servers";
import type { Secrets } from "./data-folder.ts";
import type { Part } from "./keep-running.ts";

export interface ServiceSurroundings {
  /** Where a service finds the database, by its role. */
  databaseUrlOf: (service: DatabaseService) => string;
  /** Where a service finds the broker, as its own user. */
  natsUrlOf: (user: NatsUser) => string;
  gatewayPort: number;
  inboxPort: number;
  graphUrl: string;
  secrets: Secrets;
}

interface ServicePlan {
  name: NatsUser;
  environment: (around: ServiceSurroundings) => Record<string, string>;
}

/** The channels are made after the sender has started: it learns soon of the account whose templates it is to know. */
const TEMPLATE_SYNC_MS = 5000;

/** Every other service of the local stack with what its environment needs; one more service is one more line. */
/** A developer's disk may be small; what is dropped can still be read in the database. */
const EVENTS_BYTES_MAX = 512 * 1024 * 1024;

/** It makes the streams, for which the others wait. */
const FIRST: ServicePlan = {
  name: "provisioner",
  environment: () => ({ EVENTS_BYTES_MAX: String(EVENTS_BYTES_MAX) }),
};

const SERVICES: ServicePlan[] = [
  {
    name: "gateway",
    environment: ({ gatewayPort, secrets }) => ({
      PORT: String(gatewayPort),
      STOP_GRACE_MS: "0",
      WHATSAPP_APP_SECRETS: secrets.appSecret,
      WHATSAPP_VERIFY_TOKENS: secrets.verifyToken,
    }),
  },
  { name: "router", environment: ({ databaseUrlOf }) => ({ DATABASE_URL: databaseUrlOf("router") }) },
  {
    name: "session-tracker",
    environment: ({ databaseUrlOf }) => ({ DATABASE_URL: databaseUrlOf("session-tracker") }),
  },
  {
    name: "sender",
    environment: ({ databaseUrlOf, graphUrl, secrets }) => ({
      DATABASE_URL: databaseUrlOf("sender"),
      GRAPH_URL: graphUrl,
      WHATSAPP_ACCESS_TOKEN: secrets.accessToken,
      TEMPLATE_SYNC_MS: String(TEMPLATE_SYNC_MS),
    }),
  },
  {
    name: "inbox",
    environment: ({ databaseUrlOf, inboxPort }) => ({
      DATABASE_URL: databaseUrlOf("inbox"),
      PORT: String(inboxPort),
      LOCAL_ISSUER: "on",
      NODE_ENV: "development",
    }),
  },
];

export interface LocalService extends Part {
  readonly url: string;
  stop(): Promise<void>;
}

async function startLocalService(name: string, environment: Record<string, string>): Promise<LocalService> {
  let service: ServiceProcess = await startServiceProcess(name, environment);
  return {
    name,
    get url() {
      return service.url;
    },
    ended: async () => {
      await service.exited;
      return service.logs().slice(-12).join("\n");
    },
    restart: async () => {
      service = await startServiceProcess(name, { ...environment, PORT: String(service.port) });
    },
    stop: () => service.stop(),
  };
}

/** Starts the provisioner, then all others at once. What started is handed to `onStarted`. */
export async function startServices(
  around: ServiceSurroundings,
  onStarted: (service: LocalService) => void,
): Promise<void> {
  const start = async ({ name, environment }: ServicePlan) => {
    // The chooser's page lets anybody in, so only this machine reaches it.
    const quiet = {
      LISTEN_ADDRESS: process.env["LISTEN_ADDRESS"] ?? "127.0.0.1",
      LOG_LEVEL: process.env["LOG_LEVEL"] ?? "info",
      NATS_URL: around.natsUrlOf(name),
    };
    onStarted(await startLocalService(name, { ...quiet, ...environment(around) }));
  };
  await start(FIRST);
  await Promise.all(SERVICES.map(start));
}
