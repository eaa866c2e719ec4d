import {
  encodeInboundRecord,
  inboundSubject,
  OPEN_USER,
  partitionOf,
  type CommandInput,
  type CommandReply,
  type CommandVerb,
  type NatsUser,
} from "@turno/contracts";
import { connectToDatabase, DATABASE_SERVICES, type Sql } from "@turno/database";
import { connectToNats, createPublisher, requestCommand, type Connection } from "@turno/messaging";
import type { RunningNatsServer, ServiceProcess, ServiceProcessOptions } from "@turno/servers";
import { setTimeout as pause } from "node:timers/promises";
import { createTestDatabase } from "./test-database.ts";
import { provisionTestNats, startTestNats } from "./test-nats.ts";
import { startTestService } from "./test-service.ts";
import { waitFor } from "./wait-for.ts";

/** A database and a broker of its own, and the services that a test starts on them. */
export interface Stage {
  sql: Sql;
  nats: RunningNatsServer;
  connection: Connection;
  environment: { DATABASE_URL: string; NATS_URL: string; LOG_LEVEL: string };
  /** What a service finds in its environment: its own NATS user and database role. */
  surroundingsOf(service: NatsUser): Stage["environment"];
  /** Starts a service as its own NATS user and database role, with the rights of a deployed one. */
  start(
    service: NatsUser,
    environment?: Record<string, string>,
    options?: ServiceProcessOptions,
  ): Promise<ServiceProcess>;
  /** Sends a command as a service, and gives its answer; throws on a refusal. */
  command<V extends CommandVerb>(
    verb: V,
    input: Omit<CommandInput<V>, "actor">,
  ): Promise<Extract<CommandReply<V>, { ok: true }>>;
  /** Sends a command and gives its reply, whichever it is. */
  request<V extends CommandVerb>(
    verb: V,
    input: CommandInput<V>,
    options?: { timeoutMs?: number; key?: string | undefined },
  ): Promise<CommandReply<V>>;
  /** Puts updates into the inbound log as a gateway does, `linesPerRecord` to a record. */
  publish(updates: readonly StageMessage[], linesPerRecord?: number): Promise<void>;
  /** Notes that the services which run now are for all tests of a file. */
  keep(): void;
  /**
   * Empties the database for the file's next test, and kills the services that only this one started. The rules' clock and
   * the streams stay as they are, and so do these tables.
   */
  clear(lasting?: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

export interface StageMessage {
  id: string;
  /** The customer's user id, or phone, or both. */
  userId?: string;
  phone?: string;
  phoneNumberId?: string;
  text?: string;
  /** Meta's type and the member named after it, in place of a text. */
  content?: Readonly<Record<string, unknown>>;
  /** What the dedupe key begins with, of what is no message. */
  keyedBy?: string;
  sentAt?: Date;
}

/** Tests ask as the user of an open broker, who acts in every group. */
export const SERVICE_ACTOR = { kind: "service", name: OPEN_USER } as const;

export async function createStage(): Promise<Stage> {
  const nats = await startTestNats();
  await provisionTestNats(nats);
  const stage = await createStageOn(nats);
  const stop = async () => {
    await stage.stop();
    await nats.stop();
  };
  return { ...stage, nats, stop };
}

/** A stage on a broker that is there and provisioned, and stays when the stage is stopped. */
export async function createStageOn(broker: Pick<RunningNatsServer, "url" | "urlOf">): Promise<Omit<Stage, "nats">> {
  const database = await createTestDatabase();
  const environment = { DATABASE_URL: database.url, NATS_URL: broker.url, LOG_LEVEL: "info" };
  const sql = connectToDatabase(database.url, { connectionsMax: 4, name: "test", statementMsMax: 60_000 });
  const connection = await connectToNats({ url: broker.url, name: "test" });
  const publisher = createPublisher(connection);
  const surroundingsOf = (name: NatsUser) => {
    const role = DATABASE_SERVICES.find((service) => service === name);
    const own = role === undefined ? {} : { DATABASE_URL: database.urlOf(role) };
    return { ...environment, NATS_URL: broker.urlOf(name), ...own };
  };
  const services: ServiceProcess[] = [];
  let kept = 0;
  // A service says that it listens a moment before the broker has its subscriptions: a command that nobody heard is sent again.
  const request: Stage["request"] = (verb, input, how) => askWhenHeard(connection, verb, input, how);
  return {
    sql,
    connection,
    environment,
    surroundingsOf,
    request,
    start: async (name, more = {}, options = {}) => {
      const service = await startTestService(name, { ...surroundingsOf(name), ...more }, options);
      services.push(service);
      return service;
    },
    command: async (verb, input) => {
      const reply = await request(verb, { ...input, actor: SERVICE_ACTOR } as CommandInput<typeof verb>);
      if ("refusal" in reply) throw new Error(`${verb} was refused: ${reply.refusal.code}: ${reply.refusal.message}`);
      return reply as never;
    },
    publish: async (updates, linesPerRecord = 256) => {
      for (let index = 0; index < updates.length; index += linesPerRecord) {
        const record = encodeInboundRecord(updates.slice(index, index + linesPerRecord).map(toLine));
        const options = { headers: record.headers, timeoutMs: 5_000 };
        await publisher.publish(inboundSubject("message"), record.payload, options);
      }
    },
    keep: () => {
      kept = services.length;
    },
    clear: async (lasting = []) => {
      await Promise.all(services.splice(kept).map((service) => service.kill("SIGKILL")));
      await waitFor(async () => (await sql`select from outbox limit 1`).length === 0, {
        what: "all events are published",
      });
      await database.empty(lasting);
    },
    stop: async () => {
      await Promise.all(services.map((service) => service.kill("SIGKILL")));
      await connection.close();
      await sql.end({ timeout: 1 });
      await database.drop();
    },
  };
}

const HEARD_MS_MAX = 30_000;
const NOBODY_HEARD = "503";

async function askWhenHeard<V extends CommandVerb>(
  connection: Connection,
  verb: V,
  input: CommandInput<V>,
  how: { timeoutMs?: number; key?: string | undefined } = {},
): Promise<CommandReply<V>> {
  const deadline = performance.now() + HEARD_MS_MAX;
  for (;;) {
    try {
      return await requestCommand(connection, verb, input, { timeoutMs: 20_000, ...how });
    } catch (error) {
      const cause = (error as { cause?: { code?: string } }).cause;
      if (cause?.code !== NOBODY_HEARD || performance.now() > deadline) throw error;
    }
    await pause(50);
  }
}

/** A message, a text by default, as a line of the inbound log. */
export function toLine(message: StageMessage): { json: string; partition: number } {
  const { id, userId, phone, phoneNumberId = "123", text = "hola", sentAt = new Date() } = message;
  const { content = { type: "text", text: { body: text } }, keyedBy = "msg" } = message;
  const line = {
    key: `${keyedBy}:${id}`,
    field: "messages",
    accountId: "100",
    metadata: { display_phone_number: "0", phone_number_id: phoneNumberId },
    contacts: [{ profile: { name: "Test" }, user_id: userId, wa_id: phone }],
    update: {
      from_user_id: userId,
      from: phone,
      id,
      timestamp: String(Math.floor(sentAt.getTime() / 1000)),
      ...content,
    },
    receivedAt: new Date().toISOString(),
  };
  return {
    json: JSON.stringify(line),
    partition: partitionOf(userId === undefined ? `phone:${phone}` : `user:${userId}`),
  };
}

/** A fixed uuid with a number in it, for groups, agents and channels. */
export function stageId(kind: number, index = 0): string {
  return `00000000-0000-7000-8000-${String(kind).padStart(4, "0")}${String(index).padStart(8, "0")}`;
}

export const STAGE_GROUP = stageId(1);
export const stageAgent = (index: number): string => stageId(2, index);

/** A group with one channel (phone number id "123") and agents, all available. */
export async function configureStage(
  stage: Pick<Stage, "command" | "sql">,
  options: { agents: number; distribution?: "automatic" | "manual"; capacity?: number | null; isAvailable?: boolean },
): Promise<void> {
  const agents = Array.from({ length: options.agents }, (_, index) => ({
    id: stageAgent(index),
    name: `Agent ${index}`,
    capacity: options.capacity ?? null,
    groupIds: [STAGE_GROUP],
  }));
  await stage.command("configure", {
    // Without follow-ups each conversation takes a turn, which is what most tests count; nobody of theirs has a screen.
    groups: [
      {
        id: STAGE_GROUP,
        name: "Support",
        distribution: options.distribution ?? "automatic",
        countsPresence: false,
        lapsesMax: 0,
        followUpSeconds: 0,
      },
    ],
    agents,
    channels: [{ id: stageId(3), phoneNumberId: "123", accountId: "100", name: "Main", groupId: STAGE_GROUP }],
  });
  if (options.isAvailable === false) return;
  for (const { id } of agents) await stage.command("set-availability", { agentId: id, availability: "available" });
}
