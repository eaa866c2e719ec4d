import { STREAMS, type Envelope } from "@turno/contracts";
import type { Sql } from "@turno/database";
import { readLog, readLogEnd, type Connection, type LogRecord } from "@turno/messaging";
import { setTimeout as pause } from "node:timers/promises";
import type { BenchTraffic } from "./population.ts";

/** A variant has not done the whole work: its figure would be worth nothing. */
export class LostWork extends Error {}

const WAIT_MS_MAX = 180_000;
const LOOK_EVERY_MS = 15;

/** Waits until a look finds what it wants; throws a `LostWork` that says what is missing after three minutes. */
export async function waitUntil(what: string, look: () => Promise<boolean> | boolean, everyMs = LOOK_EVERY_MS) {
  const deadline = performance.now() + WAIT_MS_MAX;
  while (!(await look())) {
    if (performance.now() > deadline) throw new LostWork(`not within ${WAIT_MS_MAX / 1000} s: ${what}`);
    await pause(everyMs);
  }
}

/** How many events a design publishes for this traffic. */
export const eventCountOf = ({ messages, opened }: BenchTraffic): number => messages.length + 2 * opened;

/** Where the event stream ends. */
export async function eventsEnd(connection: Connection): Promise<number> {
  return (await readLogEnd(connection, STREAMS.events)).lastSequence;
}

/** Reads a stream from after one sequence up to another. */
export async function readRecords(
  connection: Connection,
  range: { stream: string; subjects: string[]; after: number; to: number },
  onRecord: (record: LogRecord) => void,
): Promise<void> {
  if (range.to <= range.after) return;
  const { stream, subjects, after, to } = range;
  const reading = await readLog(connection, { stream, subjects, startSequence: after + 1 });
  for await (const record of reading.records) {
    onRecord(record);
    if (record.sequence >= to) break;
  }
  await reading.stop();
}

/** Counts each id, and throws a `LostWork` unless those wanted came once each and nothing else did. */
export function createTally(what: string) {
  const counts = new Map<string, number>();
  return {
    add: (id: string) => void counts.set(id, (counts.get(id) ?? 0) + 1),
    check(wanted: readonly string[]) {
      const missing = wanted.filter((id) => !counts.has(id)).length;
      const doubled = [...counts.values()].filter((count) => count > 1).length;
      if (missing === 0 && doubled === 0 && counts.size === wanted.length) return;
      throw new LostWork(`${what}: ${missing} of ${wanted.length} missing, ${doubled} doubled, ${counts.size} in all`);
    },
    get size() {
      return counts.size;
    },
  };
}

/**
 * Checks what a design did with the traffic: each message has its event with its content once, each new conversation was
 * opened and given out once, all of it is in the database, and nothing is left to publish.
 */
export async function checkEffects(
  design: { connection: Connection; sql: Sql; name: string },
  traffic: BenchTraffic,
  after: number,
): Promise<void> {
  const { connection, sql, name } = design;
  const to = await eventsEnd(connection);
  const received = createTally(`${name}, message events`);
  const opened = createTally(`${name}, opened`);
  const assigned = createTally(`${name}, assigned`);
  const stream = { stream: STREAMS.events, subjects: ["turno.v1.event.>"] };
  await readRecords(connection, { ...stream, after, to }, (record) => {
    const { type, data } = JSON.parse(record.text()) as Envelope & {
      data: { conversationId: string; content?: { id: string } };
    };
    if (type === "message.received") received.add(data.content?.id ?? "");
    else if (type === "conversation.opened") opened.add(data.conversationId);
    else if (type === "conversation.assigned") assigned.add(data.conversationId);
  });
  const ids = traffic.messages.map(({ id }) => id);
  received.check(ids);
  for (const tally of [opened, assigned]) {
    if (tally.size !== traffic.opened)
      throw new LostWork(`${name}: ${tally.size} opened or assigned of ${traffic.opened}`);
  }
  const [stored] = await sql<{ count: number }[]>`
    select count(*)::int as count from messages where key = any(${ids.map((id) => `msg:${id}`)}::text[])`;
  if (stored?.count !== ids.length) throw new LostWork(`${name}: ${stored?.count} of ${ids.length} messages stored`);
  await waitUntil(`${name}: an empty outbox`, async () => {
    const [outbox] = await sql<{ count: number }[]>`select count(*)::int as count from outbox`;
    return outbox?.count === 0;
  });
}

/** The positions in the database have come as far as the log: a restart would repeat nothing. */
export async function checkPositions(sql: Sql, lastSequence: number): Promise<void> {
  await waitUntil("the positions at the log's end", async () => {
    const [row] = await sql<{ sequence: number }[]>`select max(sequence) as sequence from log_positions`;
    return row?.sequence === lastSequence;
  });
}
