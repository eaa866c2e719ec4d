import { dividedHeaders, divideInboundLine, inboundPartsSubject, inboundSubject, partHeaders } from "@turno/contracts";
import { createPublisher, type Publisher } from "@turno/messaging";
import { configureStage, createStage, toLine, waitFor, type Stage } from "@turno/testing";
import { afterEach, beforeEach, expect, it } from "vitest";

let stage: Stage;
let publisher: Publisher;
beforeEach(async () => {
  stage = await createStage();
  publisher = createPublisher(stage.connection);
});
afterEach(async () => {
  publisher.close();
  await stage.stop();
});

const PIECE_BYTES = 1_000;
const TIME = { timeoutMs: 5_000 };
/** A part begins with U+FEFF, which is a mark of the encoding only at the beginning of a text. */
const long = (id: string, userId = "US.1") => ({
  id,
  userId,
  text: `${id} ${"ñ👋".repeat(1_000)}${"\ufeff".repeat(2_000)}.`,
});
const texts = async () =>
  (await stage.sql<{ text: string }[]>`select payload->'text'->>'body' as text from messages order by key`).map(
    ({ text }) => text,
  );

/** Puts the parts of a line into the log, as a gateway does before the record that ends it; returns what writes that one. */
async function publishParts(message: ReturnType<typeof long>) {
  const { json, partition } = toLine(message);
  const pieces = divideInboundLine(json, PIECE_BYTES);
  const last = pieces.pop() ?? new Uint8Array();
  const sequences: number[] = [];
  for (const piece of pieces) {
    const options = { headers: partHeaders(message.id), ...TIME };
    sequences.push((await publisher.publish(inboundPartsSubject(), piece, options)).sequence);
  }
  const headers = dividedHeaders({ lineId: message.id, partition, sequences });
  return { sequences, finish: () => publisher.publish(inboundSubject("message"), last, { headers, ...TIME }) };
}

it("a line in parts takes effect whole, in its place, though others lie between its parts and the router was killed between them", async () => {
  const router = await stage.start("router");
  await configureStage(stage, { agents: 1 });
  const [a, b] = [await publishParts(long("a")), await publishParts(long("b", "US.2"))];
  // The same contact writes meanwhile, through another gateway: the router's position moves past the parts.
  await stage.publish([{ id: "c", userId: "US.1" }]);
  await waitFor(async () => (await texts()).length === 1, { what: "what lies between has taken effect" });
  await router.kill("SIGKILL");
  await a.finish();
  await stage.start("router");
  await b.finish();
  await stage.publish([{ id: "d", userId: "US.1" }]);
  await waitFor(async () => (await texts()).length === 4, { what: "all has taken effect", timeoutMs: 30_000 });
  expect(await texts()).toEqual([long("a").text, long("b").text, "hola", "hola"]);
  const inOrder = await stage.sql<{ key: string }[]>`
    select messages.key from events join messages on messages.id = events.message_id
    where events.type = 'message.received' order by events.position`;
  expect(inOrder.map(({ key }) => key).filter((key) => key !== "msg:b")).toEqual(["msg:c", "msg:a", "msg:d"]);
});

it("a line whose parts were deleted is set aside, and what follows takes effect", async () => {
  await stage.start("router");
  await configureStage(stage, { agents: 1 });
  const { sequences, finish } = await publishParts(long("a"));
  const { streams } = await stage.connection.nats.jetstreamManager();
  await streams.deleteMessage("INBOUND", sequences.at(-1) ?? 0);
  await finish();
  await stage.publish([{ id: "b", userId: "US.1" }]);
  await waitFor(async () => (await texts()).length === 1, { what: "what follows has taken effect", timeoutMs: 20_000 });
  expect(await stage.sql`select count(*)::int as count from dead_letters`).toMatchObject([{ count: 1 }]);
});
