import { envelopeSchema, EVENT_SUBJECTS, STREAMS, type CommandInput, type NatsUser } from "@turno/contracts";
import { AccessFailure, connectToNats, requestCommand, type Connection } from "@turno/messaging";
import {
  createCustomers,
  createGraphServer,
  createRandom,
  createSimulator,
  type GraphServer,
  type Simulator,
} from "@turno/simulator";
import { configureStage, createStage, STAGE_GROUP, waitFor, type Stage } from "@turno/testing";
import { afterEach, beforeEach, expect, it } from "vitest";

const TOKEN = "users-token";
const SECRET = "users-secret";

let stage: Stage;
let meta: Simulator;
let graph: GraphServer;
const connections: Connection[] = [];

beforeEach(async () => {
  stage = await createStage();
  const gateway = await stage.start("gateway", { WHATSAPP_APP_SECRETS: SECRET, WHATSAPP_VERIFY_TOKENS: "verify" });
  meta = createSimulator({
    url: `${gateway.url}/webhooks/whatsapp`,
    appSecret: SECRET,
    random: createRandom(5),
    now: Date.now,
    customers: createCustomers({ count: 1, random: createRandom(1) }),
    channels: [{ accountId: "100", phoneNumberId: "123", displayPhoneNumber: "15550001111" }],
  });
  graph = await createGraphServer({
    simulator: meta,
    accessTokens: [TOKEN],
    random: createRandom(6),
    now: Date.now,
    statuses: { stepMsMax: 20, neverShare: 0, lateShare: 0 },
  });
  await Promise.all([
    stage.start("router"),
    stage.start("session-tracker"),
    stage.start("sender", { GRAPH_URL: graph.url, WHATSAPP_ACCESS_TOKEN: TOKEN }),
    stage.start("inbox"),
  ]);
  await configureStage(stage, { agents: 1 });
});
afterEach(async () => {
  await Promise.all(connections.splice(0).map((connection) => connection.close()));
  await graph.stop();
  await meta.stop();
  await stage.stop();
});

async function connectAs(user: NatsUser): Promise<Connection> {
  const connection = await connectToNats({ url: stage.nats.urlOf(user), name: "test" });
  connections.push(connection);
  return connection;
}

it("with each program under its own user a message comes in, is answered by a bot, and its conversation is closed", async () => {
  const [bot, observer, cli] = await Promise.all([connectAs("bot"), connectAs("observer"), connectAs("cli")]);
  const live: string[] = [];
  observer.nats.subscribe(EVENT_SUBJECTS, {
    callback: (error, message) => live.push(error?.message ?? envelopeSchema.parse(message.json()).type),
  });
  await observer.nats.flush();
  const consumer = await bot.nats.jetstream().consumers.get(STREAMS.events, "bot");
  const follow = async (type: string) => {
    for (;;) {
      const message = await consumer.next({ expires: 20_000 });
      if (message === null) throw new Error(`no ${type} came`);
      await message.ackAck();
      const event = envelopeSchema.parse(message.json());
      if (event.type === type) return event.data as { conversationId: string; agentId: string };
    }
  };

  await requestCommand(cli, "configure", {
    actor: { kind: "service", name: "cli" },
    programs: [{ name: "bot", groupIds: [STAGE_GROUP] }],
  });
  const [customer] = meta.customers;
  if (customer === undefined) throw new Error("no customer");
  expect(await meta.post([meta.message({ customer, type: "text", text: "hola" })])).toBe(true);
  const { conversationId, agentId } = await follow("conversation.assigned");
  const actor = { kind: "service", name: "bot" } as const;
  const answer: CommandInput<"send"> = { actor, agentId, conversationId, message: { type: "text", body: "buenas" } };
  expect(await requestCommand(bot, "send", answer)).toMatchObject({ ok: true });
  await follow("message.delivered");

  for (const [user, connection] of [
    ["bot", bot],
    ["observer", observer],
  ] as const) {
    const closing = requestCommand(connection, "close", { actor: { kind: "service", name: user }, conversationId });
    await expect(closing).rejects.toThrow(AccessFailure);
  }
  const byCli = { actor: { kind: "service", name: "cli" } as const, conversationId };
  expect(await requestCommand(cli, "create-ticket", { ...byCli, subject: "Pedido 123" })).toMatchObject({ ok: true });
  expect(await requestCommand(cli, "close", byCli)).toMatchObject({ ok: true });
  await follow("conversation.closed");
  await waitFor(() => live.includes("conversation.closed"), { what: "the observer saw it too" });
  expect(live).toEqual(expect.arrayContaining(["conversation.opened", "message.received", "message.sent"]));
});
