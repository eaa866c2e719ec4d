import { waitFor } from "@turno/testing";
import { expect, it } from "vitest";
import { createPartitionReader, type Connection, type LineBatch } from "../src/index.ts";

/** A log of one record whose headers provoke a defect, and a reader that holds the first partition. */
function createScene(apply: (batch: LineBatch) => Promise<void>) {
  const closed = Promise.withResolvers<void>();
  const message = {
    seq: 1,
    info: { consumer: "c", deliverySequence: 1 },
    headers: {
      get: () => {
        throw new TypeError("planted");
      },
    },
    string: () => "the record",
  };
  const messages = {
    close: () => Promise.resolve(closed.resolve()),
    async *[Symbol.asyncIterator]() {
      yield message;
      await closed.promise;
    },
  };
  const consumer = {
    consume: () => Promise.resolve(messages),
    info: () => Promise.resolve({ name: "c", num_pending: 0, delivered: { consumer_seq: 1 } }),
  };
  const stream = { created: "now", config: {}, state: { first_seq: 1, last_seq: 1 } };
  const connection = {
    isConnected: true,
    onStatusChange: () => undefined,
    nats: {
      jetstream: () => ({ consumers: { get: () => Promise.resolve(consumer) } }),
      jetstreamManager: () => Promise.resolve({ streams: { info: () => Promise.resolve(stream) } }),
    },
  } as unknown as Connection;
  const told: unknown[] = [];
  const reader = createPartitionReader({
    connection,
    lane: "message",
    shard: "0",
    store: {
      lease: () => Promise.resolve(new Map([[0, 0]])),
      note: () => Promise.resolve(true),
      readClock: () => Promise.resolve(new Date(0)),
      release: () => Promise.resolve(),
    },
    apply,
    onFailure: (error) => told.push(["failure", error]),
    onDefect: (error) => told.push(["defect", error]),
    batchLinesMax: 10,
    batchesAtOnce: 1,
    leaseEveryMs: 1_000,
    watermarkEveryMs: 1_000,
  });
  return { reader, told };
}

it("gives a record that provokes a defect to the first partition's reader as a line, tells it, and reads on", async () => {
  const applied: LineBatch[] = [];
  const { reader, told } = createScene((batch) => Promise.resolve(void applied.push(batch)));
  await waitFor(() => applied.length > 0, { what: "it is applied" });
  expect(applied[0]).toEqual({
    lines: [{ json: "the record", partition: 0 }],
    moves: [{ partition: 0, from: 0, to: 1 }],
  });
  expect(told).toEqual([["defect", new TypeError("planted")]]);
  await reader.stop();
});

it("ends after a defect that no line is to blame for, which it tells once", async () => {
  let tries = 0;
  const { reader, told } = createScene(() => {
    tries += 1;
    return Promise.reject(new TypeError("of the store"));
  });
  await waitFor(() => told.length >= 2, { what: "it is told" });
  await reader.stop();
  expect([tries, told[1]]).toEqual([1, ["failure", new TypeError("of the store")]]);
});
