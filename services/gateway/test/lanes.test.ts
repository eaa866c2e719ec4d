import { BrokerFailure } from "@turno/messaging";
import type { SplitUpdate } from "@turno/whatsapp";
import { setImmediate as turnOnce } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createLanes, LanesFullFailure, type Lanes, type LanesLimits } from "../src/lanes.ts";
import { createTestPublisher, type TestPublisher } from "./fixtures/publisher.ts";

const LIMITS: LanesLimits = {
  deadlineMs: 1_000,
  waitingBytesMax: 10_000,
  record: { linesMax: 4, bytesMax: 1_000 },
};

const noMetrics = { updates: () => undefined, record: () => undefined };

const update = (key: string, options: { lane?: SplitUpdate["lane"]; padding?: number } = {}): SplitUpdate => ({
  lane: options.lane ?? "message",
  json: JSON.stringify({ key, padding: "x".repeat(options.padding ?? 0) }),
  partition: 7,
});

/** Resolves once all are stored. */
function store(updates: readonly SplitUpdate[], into: Lanes = lanes): Promise<void> {
  return new Promise((resolve, reject) => {
    into.store(updates, (failure) => (failure === undefined ? resolve() : reject(failure)));
  });
}

/** How a store ended, for assertions on what has not ended yet. */
function outcomeOf(stored: Promise<void>): { state: string } {
  const outcome = { state: "waiting" };
  stored.then(
    () => (outcome.state = "stored"),
    (error: Error) => (outcome.state = error.message),
  );
  return outcome;
}

let publisher: TestPublisher;
let lanes: Lanes;
beforeEach(() => {
  publisher = createTestPublisher();
  lanes = createLanes(publisher, noMetrics, LIMITS);
});
afterEach(() => lanes.close());

/** What was stored is told to its deliveries in one pass of the event loop, and the next record is written in the next. */
async function nextPass(): Promise<void> {
  await turnOnce();
  await turnOnce();
}

const recordKeys = () => publisher.records.map((record) => record.keys);

describe("a defect that a line provokes", () => {
  test("fails its delivery, and those of the same record are stored", async () => {
    const planted: TestPublisher = {
      ...publisher,
      publish: (subject, payload, options) =>
        String(payload).includes("poison")
          ? Promise.reject(new TypeError("planted"))
          : publisher.publish(subject, payload, options),
    };
    publisher.acknowledgeAll();
    const counted: number[] = [];
    const metrics = { ...noMetrics, updates: (_lane: string, count: number) => counted.push(count) };
    const isolating = createLanes(planted, metrics, LIMITS);
    const outcomes = await Promise.allSettled(["a", "poison", "c"].map((key) => store([update(key)], isolating)));
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(outcomes[1]).toMatchObject({ reason: new TypeError("planted") });
    expect([recordKeys(), counted, isolating.waitingBytes]).toEqual([[["a"], ["c"]], [2], 0]);
    isolating.close();
  });
});

describe("group commit", () => {
  test("nothing lingers when nothing is on its way", async () => {
    void store([update("a")]).catch(() => undefined);
    await turnOnce();
    expect(recordKeys()).toEqual([["a"]]);
    expect(publisher.records[0]?.subject).toBe("turno.v1.inbound.message.0");
  });
  test("what arrives in one pass of the event loop goes together", async () => {
    for (const key of ["a", "b"]) void store([update(key)]).catch(() => undefined);
    await turnOnce();
    expect(recordKeys()).toEqual([["a", "b"]]);
  });
  test("what arrives while a record is on its way goes together in the next one", async () => {
    const stores = [outcomeOf(store([update("a")]))];
    await nextPass();
    stores.push(...["b", "c"].map((key) => outcomeOf(store([update(key)]))));
    publisher.records[0]?.acknowledge();
    await nextPass();
    expect(recordKeys()).toEqual([["a"], ["b", "c"]]);
    expect(stores.map(({ state }) => state)).toEqual(["stored", "waiting", "waiting"]);
    publisher.records[1]?.acknowledge();
    await nextPass();
    expect(stores.map(({ state }) => state)).toEqual(["stored", "stored", "stored"]);
    expect([lanes.waitingBytes, lanes.waitingDeliveries]).toEqual([0, 0]);
  });
  test("lanes do not wait for each other", async () => {
    void store([update("a")]).catch(() => undefined);
    await nextPass();
    void store([update("s", { lane: "status" })]).catch(() => undefined);
    await nextPass();
    expect(recordKeys()).toEqual([["a"], ["s"]]);
  });
});

describe("a record is bounded", () => {
  test("in lines", async () => {
    publisher.acknowledgeAll();
    await store(Array.from("abcdefghij", (key) => update(key)));
    expect(recordKeys().map((keys) => keys.join(""))).toEqual(["abcd", "efgh", "ij"]);
  });
  test("in bytes, and a larger line has one of its own", async () => {
    publisher.acknowledgeAll();
    const sizes = { a: 100, b: 600, c: 400, d: 3_000, e: 10 };
    await store(Object.entries(sizes).map(([key, padding]) => update(key, { padding })));
    expect(recordKeys().map((keys) => keys.join(""))).toEqual(["ab", "c", "d", "e"]);
  });
});

describe("a delivery is stored when all of its updates are", () => {
  test("in every record", async () => {
    const stored = outcomeOf(store(Array.from("abcdef", (key) => update(key))));
    await nextPass();
    publisher.records[0]?.acknowledge();
    await nextPass();
    expect(stored.state).toBe("waiting");
    publisher.records[1]?.acknowledge();
    await nextPass();
    expect(stored.state).toBe("stored");
  });
  test("in every lane", async () => {
    const stored = outcomeOf(store([update("a"), update("s", { lane: "status" })]));
    await nextPass();
    publisher.records[0]?.acknowledge();
    await nextPass();
    expect(stored.state).toBe("waiting");
    publisher.records[1]?.acknowledge();
    await nextPass();
    expect(stored.state).toBe("stored");
  });
  test("one that holds nothing at once", async () => {
    await store([]);
    expect(publisher.records).toEqual([]);
  });
});

describe("a record that is refused", () => {
  test("fails the deliveries in it, and no other", async () => {
    const first = outcomeOf(store([update("a")]));
    await nextPass();
    const second = outcomeOf(store([update("b")]));
    publisher.records[0]?.refuse(new BrokerFailure("away"));
    await nextPass();
    publisher.records[1]?.acknowledge();
    await nextPass();
    expect([first.state, second.state]).toEqual(["away", "stored"]);
  });
  test("takes the rest of its deliveries out of the queue", async () => {
    const stored = outcomeOf(store(Array.from("abcdefgh", (key) => update(key))));
    await nextPass();
    publisher.records[0]?.refuse(new BrokerFailure("away"));
    await nextPass();
    expect(stored.state).toBe("away");
    expect(publisher.records).toHaveLength(1);
    expect(lanes.waitingBytes).toBe(0);
  });
});

describe("limits", () => {
  test("a delivery that is not stored within the deadline fails, also while its record is on its way", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "performance"] });
    try {
      const timed = createLanes(publisher, noMetrics, LIMITS);
      const stores = [outcomeOf(store([update("a")], timed))];
      await nextPass();
      stores.push(outcomeOf(store([update("b")], timed)));
      vi.advanceTimersByTime(LIMITS.deadlineMs - 100);
      await nextPass();
      expect(stores.map(({ state }) => state)).toEqual(["waiting", "waiting"]);
      vi.advanceTimersByTime(200);
      await nextPass();
      expect(stores.map(({ state }) => state)).toEqual(Array(2).fill("not stored within the deadline"));
      publisher.records[0]?.acknowledge();
      await nextPass();
      expect(recordKeys()).toEqual([["a"]]);
      expect(timed.waitingBytes).toBe(0);
      timed.close();
    } finally {
      vi.useRealTimers();
    }
  });
  test("more than may wait is refused at once", async () => {
    const first = store([update("a", { padding: LIMITS.waitingBytesMax })]);
    await expect(store([update("b")])).rejects.toBeInstanceOf(LanesFullFailure);
    publisher.acknowledgeAll();
    await first;
    await store([update("c")]);
  });
  test("what waits when the gateway stops fails", async () => {
    const stored = store([update("a")]);
    lanes.close();
    await expect(stored).rejects.toBeInstanceOf(BrokerFailure);
  });
});
