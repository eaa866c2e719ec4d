import { EVENT_SUBJECTS, STREAMS } from "@turno/contracts";
import { EVENTS_STREAM, provisionStream, createPublisher } from "@turno/messaging";
import { createIdSource } from "@turno/runtime";
import { waitFor } from "@turno/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createRelayStage, faultsOf, type RelayTestStage } from "./fixtures/relay-stage.ts";

const createId = createIdSource();
const FOREIGN_SUBJECT = EVENT_SUBJECTS.replace(">", "foreign");

let stage: RelayTestStage;
beforeEach(async () => {
  stage = await createRelayStage();
});
afterEach(() => stage.stop());

const streams = async () => (await stage.connection.nats.jetstreamManager()).streams;
const lastSequence = async () => (await (await streams()).info(STREAMS.events)).state.last_seq;

/** Messages that no relay of this database published: without an id, with any text, with the id of an event nobody knows. */
async function putForeign(): Promise<void> {
  const publisher = createPublisher(stage.connection);
  const options = [
    {},
    { id: `any text ${createId()}` },
    { id: createId() },
    { id: "" },
    { headers: { "Nats-Msg-Id-Not": "1" } },
  ];
  for (const option of options) await publisher.publish(FOREIGN_SUBJECT, "foreign", { timeoutMs: 5_000, ...option });
  publisher.close();
}

describe("a relay survives what stands in the stream:", () => {
  it("foreign messages before the first event, between events, and behind the last", async () => {
    let unknown = 0;
    await putForeign();
    const relay = await stage.startRelay({ onUnknown: (count) => (unknown += count) });
    await stage.happen(300);
    await stage.untilPublished();
    await putForeign();
    await stage.happen(300);
    await stage.untilPublished();
    expect(unknown).toBe(5);
    await stage.stopRelay(relay);
    await putForeign();
    await stage.startRelay();
    await stage.happen(300);
    await stage.untilPublished();
    expect(faultsOf(await stage.readNumbers(), 900)).toEqual([]);
  });

  it("a last message that was deleted, one deleted in the middle, and a stream that was purged", async () => {
    const relay = await stage.startRelay();
    await stage.happen(20);
    await stage.untilPublished();
    await stage.stopRelay(relay);
    await (await streams()).deleteMessage(STREAMS.events, 20, true);
    await (await streams()).deleteMessage(STREAMS.events, 7, true);
    const second = await stage.startRelay();
    await stage.happen(20);
    await stage.untilPublished();
    const numbers = await stage.readNumbers();
    // What an operator erased, a customer's text for instance, does not come back.
    expect([numbers.length, numbers.includes(19), numbers.includes(6)]).toEqual([38, false, false]);
    await stage.stopRelay(second);
    await (await streams()).purge(STREAMS.events);
    await stage.startRelay();
    await stage.happen(20);
    await stage.untilPublished();
    expect(await stage.readNumbers()).toEqual(Array.from({ length: 20 }, (_, index) => 40 + index));
  });

  it("events at its end that the database lost, as after a restore, and a deleted end among them", async () => {
    const relay = await stage.startRelay();
    await stage.happen(300);
    await stage.untilPublished();
    const [state] = await stage.sql`select * from relay_state`;
    await stage.happen(300);
    await stage.untilPublished();
    await stage.stopRelay(relay);
    await (await streams()).deleteMessage(STREAMS.events, 600, true);
    await stage.sql.begin(async (tx) => {
      await tx`delete from relay_state`;
      await tx`insert into relay_state ${tx(state ?? {})}`;
      await tx`delete from events where position > 300`;
    });
    await stage.startRelay();
    await stage.happen(300);
    await stage.untilPublished();
    const numbers = await stage.readNumbers();
    expect(numbers.slice(-300)).toEqual(Array.from({ length: 300 }, (_, index) => 600 + index));
    expect(numbers.length).toBe(899);
  });

  it("published events that are in the outbox again, as after a crash of the database", async () => {
    const relay = await stage.startRelay();
    await stage.happen(20);
    await stage.untilPublished();
    const [state] = await stage.sql`select * from relay_state`;
    await stage.happen(300, 7);
    await stage.untilPublished();
    await stage.stopRelay(relay);
    await stage.sql.begin(async (tx) => {
      await tx`delete from relay_state`;
      await tx`insert into relay_state ${tx(state ?? {})}`;
    });
    await stage.happen(300);
    // Rows that lie in one another, of which each was published to its half.
    await stage.sql`delete from outbox`;
    await stage.sql`insert into outbox select min(position), array_agg(position order by position) from events
      where position > 20 group by position % 5`;
    await stage.startRelay();
    await stage.untilPublished();
    expect(faultsOf(await stage.readNumbers(), 620)).toEqual([]);
  });

  it("being deleted and recreated under way, by somebody else and without a word", async () => {
    await stage.startRelay();
    await stage.happen(5_000, 256);
    await stage.untilPublished();
    await (await streams()).delete(STREAMS.events);
    await provisionStream(stage.connection, EVENTS_STREAM);
    // Nothing happens that would make the relay look.
    await waitFor(async () => (await lastSequence()) >= 5_000, { what: "it is filled again", timeoutMs: 30_000 });
    await (await streams()).delete(STREAMS.events);
    await stage.happen(500);
    await provisionStream(stage.connection, EVENTS_STREAM);
    await stage.untilPublished();
    await waitFor(async () => faultsOf(await stage.readNumbers(), 5_500).length === 0, { what: "all is there" });
  });

  it("a lost tail in whose place foreign messages stand", async () => {
    const relay = await stage.startRelay();
    await stage.happen(1_000, 100);
    await stage.untilPublished();
    await stage.keepStore();
    await stage.happen(1_000, 100);
    await stage.untilPublished();
    await stage.stopRelay(relay);
    await stage.putStoreBack();
    await waitFor(() => stage.connection.isConnected, { what: "the test is connected again" });
    while ((await lastSequence()) < 2_050) await putForeign();
    await stage.startRelay();
    await stage.happen(500);
    await stage.untilPublished();
    expect(faultsOf(await stage.readNumbers(), 2_500)).toEqual([]);
  });

  it("an event that it refuses holds up those behind it, until it is taken", async () => {
    const manager = await streams();
    const { config } = await manager.info(STREAMS.events);
    await manager.update(STREAMS.events, { ...config, max_msg_size: 2_000 });
    let refusals = 0;
    await stage.happen(600, 300);
    await stage.sql`update events set data = to_json(repeat('x', 4000)) where position = 450`;
    await stage.startRelay({ onFailure: () => (refusals += 1) });
    await waitFor(() => refusals > 3, { what: "it is refused again and again" });
    expect((await stage.readNumbers()).length).toBeLessThan(450);
    await manager.update(STREAMS.events, { ...config, max_msg_size: -1 });
    await stage.untilPublished();
    expect(faultsOf(await stage.readNumbers(), 600)).toEqual([]);
  });
});
