import { STREAMS } from "@turno/contracts";
import { EVENTS_STREAM, provisionStream } from "@turno/messaging";
import { waitFor } from "@turno/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createRelayStage, faultsOf, type RelayTestStage } from "./fixtures/relay-stage.ts";

/** By hand: EVENTS=1000000 ROUND_TRIP_MS=50. */
const EVENTS = Number(process.env["EVENTS"] ?? 10_000);
/** So many that statements whose cost grows with the square of their rows would not end. */
const MANY = Math.max(EVENTS, 40_000);
const ROUND_TRIP_MS = Number(process.env["ROUND_TRIP_MS"] ?? 20);
const PATIENCE_MS = 60_000 + MANY;

let stage: RelayTestStage;
beforeEach(async () => {
  stage = await createRelayStage();
});
afterEach(() => stage.stop());

const recreateStream = async () => {
  const manager = await stage.connection.nats.jetstreamManager();
  await manager.streams.delete(STREAMS.events);
  await provisionStream(stage.connection, EVENTS_STREAM);
};

describe(`a relay with ${EVENTS} events and more behind it`, () => {
  it("gives a stream that lost its tail just what it lost, once and in order, and what is new after it", async () => {
    const happened = Math.max(EVENTS, 40_000);
    const kept = Math.floor(happened * 0.6);
    const first = await stage.startRelay();
    await stage.happen(kept, 256);
    await stage.untilPublished(PATIENCE_MS);
    // What is published and not marked yet is looked at again: a mark stands for what came before.
    await stage.keepStore();
    await stage.happen(happened - kept, 256);
    await stage.untilPublished(PATIENCE_MS);
    await stage.stopRelay(first);
    await stage.putStoreBack();

    let refilled = 0;
    await stage.happen(1_000);
    await stage.startRelay({ onRefilled: (count) => (refilled += count) });
    await stage.untilPublished(PATIENCE_MS);
    expect(faultsOf(await stage.readNumbers(), happened + 1_000)).toEqual([]);
    expect(refilled).toBeGreaterThanOrEqual(happened - kept);
  }, 300_000);

  it("takes over within seconds though the outbox is full, a row each, and the stream holds some of it", async () => {
    const first = await stage.startRelay();
    await stage.happen(1);
    await stage.untilPublished();
    const [state] = await stage.sql`select * from relay_state`;
    await stage.happen(20_000);
    await stage.untilPublished(PATIENCE_MS);
    await stage.stopRelay(first);
    // As after a crash of Postgres, or its restore: what was taken off the outbox is there again.
    await stage.sql.begin(async (tx) => {
      await tx`delete from relay_state`;
      await tx`insert into relay_state ${tx(state ?? {})}`;
      await tx`insert into outbox select position, array[position] from events where position > 1`;
    });
    await stage.happen(MANY);

    const second = await stage.startRelay();
    await waitFor(() => second.isLeader, { what: "the second leads" });
    await stage.untilPublished(PATIENCE_MS);
    expect(faultsOf(await stage.readNumbers(), MANY + 20_001)).toEqual([]);
  }, 300_000);

  it("fills a lost stream in pieces that are bounded, and holds back what is new until they are through", async () => {
    const relay = await stage.startRelay();
    await stage.happen(EVENTS, 256);
    await stage.untilPublished(PATIENCE_MS);
    await stage.stopRelay(relay);
    await recreateStream();
    await stage.sql`create table inserted (events int)`;
    await stage.sql`
      create function count_inserted() returns trigger language plpgsql as
      'begin insert into inserted select sum(cardinality(positions)) from fresh; return null; end'`;
    await stage.sql`
      create trigger count_inserted after insert on outbox referencing new table as fresh
      for each statement execute function count_inserted()`;

    await stage.startRelay();
    await stage.happen(500, 100);
    await stage.untilPublished(PATIENCE_MS);
    expect(faultsOf(await stage.readNumbers(), EVENTS + 500)).toEqual([]);
    const [largest] = await stage.sql`select max(events) as events from inserted`;
    expect(largest?.["events"]).toBeLessThanOrEqual(10_000);
  }, 300_000);

  it(`catches up at a round trip of ${ROUND_TRIP_MS} ms to the broker`, async () => {
    await stage.happen(EVENTS, 256);
    stage.proxy.set({ kind: "slow", delayMs: ROUND_TRIP_MS / 2 });
    const startedAt = performance.now();
    await stage.startRelay({ isBehindProxy: true });
    await stage.untilPublished(PATIENCE_MS);
    const seconds = (performance.now() - startedAt) / 1_000;
    expect(faultsOf(await stage.readNumbers(), EVENTS)).toEqual([]);
    // Said for who runs it by hand.
    if (process.env["EVENTS"] !== undefined) {
      const memory = Math.round(process.memoryUsage().rss / 1024 / 1024);
      process.stdout.write(`${Math.round(EVENTS / seconds)} events/s at ${ROUND_TRIP_MS} ms, ${memory} MiB\n`);
    }
  }, 300_000);

  it("goes on where it was, though it is killed again and again on the way", async () => {
    const relay = await stage.startRelay();
    await stage.happen(EVENTS, 256);
    await stage.untilPublished(PATIENCE_MS);
    await stage.stopRelay(relay);
    await recreateStream();
    const manager = await stage.connection.nats.jetstreamManager();
    const messages = async () => (await manager.streams.info(STREAMS.events)).state.messages;
    for (let round = 1; round <= 4; round++) {
      const child = await stage.spawnRelay();
      const goal = (EVENTS * round) / 6;
      await waitFor(async () => (await messages()) >= goal, { what: `${goal} are published`, timeoutMs: PATIENCE_MS });
      await stage.kill(child);
    }
    await stage.happen(500);
    await stage.startRelay();
    await stage.untilPublished(PATIENCE_MS);
    expect(faultsOf(await stage.readNumbers(), EVENTS + 500)).toEqual([]);
  }, 300_000);

  it("gives way while it is paused, and comes back to a chain that is broken", async () => {
    await stage.happen(EVENTS, 16);
    const child = await stage.spawnRelay();
    const manager = await stage.connection.nats.jetstreamManager();
    const messages = async () => (await manager.streams.info(STREAMS.events)).state.messages;
    await waitFor(async () => (await messages()) > 0, { what: "it publishes" });
    child.kill("SIGSTOP");
    const other = await stage.startRelay();
    await waitFor(() => other.isLeader, { what: "the other leads", timeoutMs: 30_000 });
    child.kill("SIGCONT");
    await stage.happen(500);
    await stage.untilPublished(PATIENCE_MS);
    expect(faultsOf(await stage.readNumbers(), EVENTS + 500)).toEqual([]);
  }, 300_000);
});
