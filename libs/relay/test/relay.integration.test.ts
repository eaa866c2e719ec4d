import { STREAMS } from "@turno/contracts";
import { connectToDatabase, readDatabaseTimeline, writeEvents, type Sql } from "@turno/database";
import {
  connectToNats,
  createPublisher,
  EVENTS_STREAM,
  provisionStream,
  readLog,
  readLogEnd,
  type Connection,
  type LogRecord,
} from "@turno/messaging";
import { createIdSource } from "@turno/runtime";
import type { RunningServer } from "@turno/servers";
import { createTestDatabase, startTestNats, waitFor, type TestDatabase } from "@turno/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createRelay, type Relay } from "../src/index.ts";

const createId = createIdSource();

let timeline: string;
let database: TestDatabase;
let nats: RunningServer;
let connection: Connection;
let sql: Sql;
const relays: Relay[] = [];
const failures: unknown[] = [];

beforeEach(async () => {
  [database, nats] = await Promise.all([createTestDatabase(), startTestNats()]);
  connection = await connectToNats({ url: nats.url, name: "test" });
  await provisionStream(connection, EVENTS_STREAM);
  sql = connectToDatabase(database.url, { connectionsMax: 4, name: "test" });
  timeline = await readDatabaseTimeline(sql);
});
afterEach(async () => {
  await Promise.all(relays.splice(0).map((relay) => relay.stop()));
  await connection.close();
  await sql.end();
  await Promise.all([database.drop(), nats.stop()]);
});

function startRelay(): Relay {
  const relay = createRelay({
    databaseUrl: database.url,
    timeline,
    connection,
    publisher: createPublisher(connection),
    onFailure: (error) => failures.push(error),
    onHeld: (error) => failures.push(error),
  });
  relays.push(relay);
  return relay;
}

const entity = createId();
let sequence = 0;
async function happen(count: number): Promise<string[]> {
  const events = Array.from({ length: count }, () => ({
    id: createId(),
    type: "agent.updated" as const,
    sequence: ++sequence,
    data: { agentId: entity, availability: "away" as const, capacity: null, actor: { kind: "system" as const } },
  }));
  await sql.begin((tx) => writeEvents(tx, events, new Date()));
  return events.map(({ id }) => id);
}

const publishedIds = (count: number) => readPublished(count, (record) => record.header("ce-id"));
const publishedTexts = (count: number) => readPublished(count, (record) => record.text());

async function readPublished(count: number, toText: (record: LogRecord) => string): Promise<string[]> {
  const reading = await readLog(connection, {
    stream: STREAMS.events,
    subjects: ["turno.v1.event.>"],
    startSequence: 1,
  });
  const texts: string[] = [];
  for await (const record of reading.records) {
    texts.push(toText(record));
    if (texts.length === count) break;
  }
  await reading.stop();
  return texts;
}

const outboxIsEmpty = () =>
  waitFor(async () => (await sql`select from outbox limit 1`).length === 0, {
    what: "the outbox is empty",
    // It takes a second; beside other work it took most of ten.
    timeoutMs: 50_000,
  });

describe("the relay", () => {
  it("publishes each event once and in order, with several relays and the broker away in between", async () => {
    startRelay();
    startRelay();
    const first = await happen(1_500);
    await nats.kill("SIGKILL");
    const second = await happen(500);
    await nats.restart();
    await outboxIsEmpty();
    expect(await publishedIds(2_000)).toEqual([...first, ...second]);
  });

  it("publishes from memory what it would have read, and nothing of a transaction that was undone", async () => {
    const relay = startRelay();
    await waitFor(() => relay.isLeader, { what: "the relay leads" });
    const message = { id: createId(), payload: '{"text":{"body":"hola \\u0000"}}' };
    await sql`
      insert into messages (id, key, direction, kind, sent_at, received_at, payload)
      values (${message.id}, 'msg:1', 'in', 'text', now(), now(), ${message.payload}::text::json)`;
    const occurredAt = new Date("2026-11-25T12:00:00.123Z");
    const at = occurredAt.toISOString();
    const place = { channelId: createId(), phoneNumberId: "123", contactId: createId() };
    const moments = { sentAt: at, receivedAt: at, waitingSince: at };
    const said = { ...place, messageId: message.id, kind: "text", text: "hola", ...moments };
    const received = (number: number) => ({
      id: createId(),
      type: "message.received" as const,
      sequence: number,
      messageId: message.id,
      data: { conversationId: createId(), ...said },
    });
    const events = [1, 2].map(received);
    const memory = { events: relay.memory, contentOf: () => message.payload };
    const undone = sql.begin(async (tx) => {
      await writeEvents(tx, [received(1)], occurredAt, memory);
      throw new Error("undone");
    });
    await expect(undone).rejects.toThrow("undone");
    await sql.begin((tx) => writeEvents(tx, events.slice(0, 1), occurredAt, memory));
    await sql.begin((tx) => writeEvents(tx, events.slice(1), occurredAt));
    await outboxIsEmpty();
    const [kept, read] = await publishedTexts(2);
    const sameAs = (text: string | undefined, { id, data, sequence: number }: (typeof events)[0]) =>
      text?.replace(id, "id").replaceAll(data.conversationId, "entity").replace(`"sequence":${number}`, '"sequence":0');
    expect(sameAs(kept, events[0] as never)).toBe(sameAs(read, events[1] as never));
    expect(kept).toContain(`"content":${message.payload}`);
  });

  it("seeks its lead anew when its session is gone, and trusts nothing that it had in memory", async () => {
    const relay = startRelay();
    await waitFor(() => relay.isLeader, { what: "the relay leads" });
    const [first = ""] = await happen(1);
    await outboxIsEmpty();
    // As after a crash of Postgres: what an undone transaction had written at a position that is taken once more.
    const [next] = await sql<{ position: number }[]>`select last_value + 1 as position from events_position`;
    const undone = { id: createId(), type: "agent.updated", entityId: createId(), sequence: 1, phoneNumberId: "-" };
    const rest = { occurredAt: new Date(), data: "{}", content: null };
    relay.memory.keep([{ position: next?.position ?? -1, ...undone, ...rest }]);
    await sql`select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name = 'turno-relay'`;
    await waitFor(() => !relay.isLeader, { what: "the relay has noticed" });
    const [second = ""] = await happen(1);
    await outboxIsEmpty();
    expect(await publishedIds(2)).toEqual([first, second]);
  });

  it("goes on where another relay was stopped", async () => {
    const leader = startRelay();
    await waitFor(() => leader.isLeader, { what: "the first leads" });
    const follower = startRelay();
    const first = await happen(10);
    await outboxIsEmpty();
    relays.splice(relays.indexOf(leader), 1);
    await leader.stop();
    const second = await happen(10);
    await waitFor(() => follower.isLeader, { what: "the second leads" });
    await outboxIsEmpty();
    expect(await publishedIds(20)).toEqual([...first, ...second]);
  });

  it("publishes no event twice and none out of order, though the broker is killed again and again on the way", async () => {
    startRelay();
    const ids: string[] = [];
    for (let round = 0; round < 5; round++) {
      for (let index = 0; index < 30; index++) ids.push(...(await happen(40)));
      await nats.kill("SIGKILL");
      await nats.restart();
    }
    await outboxIsEmpty();
    const { lastSequence } = await readLogEnd(connection, STREAMS.events);
    expect(lastSequence).toBe(ids.length);
    expect(await publishedIds(ids.length)).toEqual(ids);
  });

  it("publishes again what the broker lost while nothing happened, when it comes back", async () => {
    startRelay();
    const ids = await happen(20);
    await outboxIsEmpty();
    const manager = await connection.nats.jetstreamManager();
    await manager.streams.delete(STREAMS.events);
    await nats.kill("SIGKILL");
    await nats.restart();
    await provisionStream(connection, EVENTS_STREAM);
    await waitFor(async () => (await manager.streams.info(STREAMS.events)).state.messages === 20, {
      what: "the stream has them again",
    });
    expect(await publishedIds(20)).toEqual(ids);
  });

  it("publishes again what a rebuilt stream has lost, under the same ids", async () => {
    const relay = startRelay();
    const ids = await happen(20);
    await outboxIsEmpty();
    relays.splice(relays.indexOf(relay), 1);
    await relay.stop();
    const manager = await connection.nats.jetstreamManager();
    await manager.streams.delete(STREAMS.events);
    await provisionStream(connection, EVENTS_STREAM);
    startRelay();
    await waitFor(async () => (await manager.streams.info(STREAMS.events)).state.messages === 20, {
      what: "the stream has them again",
    });
    expect(await publishedIds(20)).toEqual(ids);
  });
});
