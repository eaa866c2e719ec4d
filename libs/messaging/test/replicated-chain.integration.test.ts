import { startNatsCluster, type RunningNatsCluster } from "@turno/servers";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import {
  connectToNats,
  createPublisher,
  EVENTS_STREAM,
  provisionStream,
  PublishFailure,
  readLogEnd,
  readMessageIds,
  type Connection,
  type Publisher,
} from "../src/index.ts";

const SUBJECT = "turno.v1.event.message.received.1.2";
const SUBJECTS = ["turno.v1.event.>"];

let folder: string;
let cluster: RunningNatsCluster;
let connection: Connection;
let publisher: Publisher;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "turno-chain-"));
  cluster = await startNatsCluster({ nodes: 3, storeDir: folder });
  connection = await connectToNats({ url: cluster.url, name: "test" });
  publisher = createPublisher(connection);
  await provisionStream(connection, EVENTS_STREAM, { replicas: 3 });
});
afterEach(async () => {
  publisher.close();
  await connection.close();
  await cluster.stop();
  await rm(folder, { recursive: true, force: true });
});

const chain = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => {
    const id = String(from + index);
    return { subject: SUBJECT, payload: id, headers: {}, id };
  });
const publish = (messages: ReturnType<typeof chain>, lastSequence: number, isAtomic: boolean) =>
  publisher.publishChain(messages, { lastSequence, isAtomic, timeoutMs: 5_000 });
const failureOf = (published: Promise<unknown>) =>
  published.then(
    () => null,
    (error: unknown) => error,
  );

async function storedIds(): Promise<string[]> {
  const { lastSequence } = await readLogEnd(connection, EVENTS_STREAM.name);
  const range = { stream: EVENTS_STREAM.name, subjects: SUBJECTS, from: 1, to: lastSequence, pieceMax: 4_096 };
  const ids: string[] = [];
  for await (const { messages } of readMessageIds(connection, range)) ids.push(...messages.map(({ id }) => id));
  return ids;
}

it("a stream with replicas refuses what does not follow, whole, and stores what comes after it", async () => {
  expect((await readLogEnd(connection, EVENTS_STREAM.name)).isAtomic).toBe(true);
  // A relay that still knows the stream which was there before, with one replica.
  expect(await failureOf(publish(chain(1, 50), 1_432, false))).toBeInstanceOf(PublishFailure);
  expect(await publish(chain(1, 2_500), 0, true)).toBe(2_500);
  // One that was paused, and goes on in the middle of what another one has published since.
  for (const isAtomic of [true, false]) {
    expect(await failureOf(publish(chain(101, 200), 100, isAtomic))).toBeInstanceOf(PublishFailure);
  }
  expect(await publish(chain(2_501, 3), 2_500, true)).toBe(2_503);
  expect(await storedIds()).toEqual(chain(1, 2_503).map(({ id }) => id));
});
