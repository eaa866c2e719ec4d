import { Failure } from "@turno/runtime";
import { waitFor } from "@turno/testing";
import { expect, it } from "vitest";
import { createPartitionReader, type Connection, type LineBatch } from "../src/index.ts";

class AwayFailure extends Failure {
  override readonly retryable = true;
}

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
    data: Buffer.from("the record"),
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
  let releases = 0;
  const reader = createPartitionReader({
    connection,
    lane: "message",
    shard: "0",
    store: {
      lease: () => Promise.resolve(new Map([[0, 0]])),
      note: () => Promise.resolve(true),
      readClock: () => Promise.resolve(new Date(0)),
      release: () => Promise.resolve(void (releases += 1)),
    },
    apply,
    onFailure: (error) => told.push(["failure", error]),
    onDefect: (error) => told.push(["defect", error]),
    batchLinesMax: 10,
    batchesAtOnce: 1,
    leaseEveryMs: 1_000,
    watermarkEveryMs: 1_000,
  });
  return { reader, told, releases: () => releases };
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

it("hands out again, from the same position, what failed to take effect", async () => {
  const moves: LineBatch["moves"][] = [];
  const { reader, told } = createScene((batch) => {
    moves.push(batch.moves);
    return moves.length === 1 ? Promise.reject(new AwayFailure("the database is away")) : Promise.resolve();
  });
  await waitFor(() => moves.length > 1, { what: "it is applied again" });
  await reader.stop();
  expect(moves.slice(0, 2)).toEqual(Array.from({ length: 2 }, () => [{ partition: 0, from: 0, to: 1 }]));
  expect(told).toContainEqual(["failure", new AwayFailure("the database is away")]);
});

it("ends after a defect that no line is to blame for, which it tells once", async () => {
  let tries = 0;
  const { reader, told, releases } = createScene(() => {
    tries += 1;
    return Promise.reject(new TypeError("of the store"));
  });
  await waitFor(() => releases() === 1, { what: "it ends by itself, and lets go of its partitions" });
  await reader.stop();
  expect([tries, told[1]]).toEqual([1, ["failure", new TypeError("of the store")]]);
});
