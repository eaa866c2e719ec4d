import { STREAMS } from "@turno/contracts";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  AccessFailure,
  answerCommands,
  connectToNats,
  createPublisher,
  EVENTS_STREAM,
  provisionAll,
  provisionFollower,
  provisionStream,
  requestCommand,
  type Connection,
} from "../src/index.ts";
import { startNats } from "./fixtures/nats.ts";

type User = Parameters<Awaited<ReturnType<typeof startNats>>["server"]["urlOf"]>[0];

let running: Awaited<ReturnType<typeof startNats>>;
const connections: Connection[] = [];
beforeEach(async () => {
  running = await startNats();
});
afterEach(async () => {
  await Promise.all(connections.splice(0).map((connection) => connection.close()));
  await running.end();
});

async function connectAs(user: User): Promise<Connection> {
  const connection = await connectToNats({ url: running.server.urlOf(user), name: "test" });
  connections.push(connection);
  return connection;
}

const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => null,
    (error: unknown) => error,
  );

test("a user with a wrong password, with none, or unknown is refused at once, in words without the password", async () => {
  const right = running.server.urlOf("router");
  for (const url of [
    right.replace(/:n[0-9a-f]+@/, ":wrong@"),
    right.replace(/:n[0-9a-f]+@/, "@"),
    right.replace("router", "nobody"),
  ]) {
    const failure = await failureOf(connectToNats({ url, name: "test" }));
    expect(failure).toBeInstanceOf(AccessFailure);
    expect((failure as Error).cause).toBeUndefined();
    expect(String(failure)).toMatch(/^Error: the broker refuses user "(router|nobody)": is its password right\?$/);
  }
});

test("what the broker does not permit fails at once as what it is, and not as a broker that is away", async () => {
  const [provisioner, router, bot] = await Promise.all([
    connectAs("provisioner"),
    connectAs("router"),
    connectAs("bot"),
  ]);
  await provisionAll(provisioner);
  const publisher = createPublisher(router);
  const startedAt = performance.now();
  const failures = await Promise.all([
    failureOf(publisher.publish("turno.v1.inbound.message.0", "{}", { timeoutMs: 60_000 })),
    failureOf(requestCommand(bot, "list-groups", { actor: { kind: "service", name: "bot" } }, { timeoutMs: 60_000 })),
    failureOf(provisionStream(router, EVENTS_STREAM, { bytesMax: 1_000_000 })),
    failureOf(provisionFollower(bot, "observer")),
  ]);
  for (const failure of failures) expect(failure).toBeInstanceOf(AccessFailure);
  expect(performance.now() - startedAt).toBeLessThan(5_000);
  publisher.close();
});

test("a follower reads all events by the consumer that was made for it, and goes on where it was", async () => {
  const [provisioner, router, bot] = await Promise.all([
    connectAs("provisioner"),
    connectAs("router"),
    connectAs("bot"),
  ]);
  await provisionAll(provisioner);
  const publisher = createPublisher(router);
  const publish = (text: string) => publisher.publish("turno.v1.event.agent.updated.-.1", text, { timeoutMs: 5_000 });
  for (const text of ["one", "two"]) await publish(text);
  const next = async () => {
    const consumer = await bot.nats.jetstream().consumers.get(STREAMS.events, "bot");
    const message = await consumer.next({ expires: 5_000 });
    expect(await message?.ackAck()).toBe(true);
    return message?.string();
  };
  expect([await next(), await next()]).toEqual(["one", "two"]);
  await publish("three");
  await provisionAll(provisioner);
  expect(await next()).toBe("three");
  publisher.close();
});

test("a command is answered by its owner to whoever asked, and the answer reaches nobody else", async () => {
  const [router, inbox, bot] = await Promise.all([connectAs("router"), connectAs("inbox"), connectAs("bot")]);
  const heard: string[] = [];
  for (const subject of ["_R.inbox.>", "_R.>"]) {
    bot.nats.subscribe(subject, { callback: (error, message) => heard.push(error?.code ?? message.subject) });
  }
  const commands = answerCommands(router, {
    service: "router",
    handlers: { "list-groups": () => Promise.resolve({ groups: [] }) },
    once: (_command, run) => run(),
    onFailure: (_verb, error) => heard.push(String(error)),
    onDefect: (_verb, error) => heard.push(String(error)),
  });
  await Promise.all([router.nats.flush(), bot.nats.flush()]);
  const reply = await requestCommand(inbox, "list-groups", { actor: { kind: "service", name: "inbox" } });
  expect(reply).toEqual({ ok: true, groups: [] });
  await bot.nats.flush();
  expect(heard).toEqual(["PERMISSIONS_VIOLATION", "PERMISSIONS_VIOLATION"]);
  await commands.stop();
});
