import {
  bigint,
  boolean,
  check,
  index,
  integer,
  pgSequence,
  pgTable,
  primaryKey,
  sql,
  text,
  uniqueIndex,
  uuid,
} from "./drizzle.ts";
import { at, bigints, json } from "./columns.ts";

/** Positions in the events table. */
export const eventsPosition = pgSequence("events_position");

/**
 * What happened, for ever: the timeline, and the source from which `EVENTS` can be filled again.
 * `id` is a uuid v7 by the clock of the host that wrote it, which may be wrong: `position` alone says what came first. It
 * is taken while the entity's row is locked, so that it grows with `sequence`; `openEventLog` knows
 * which positions are complete.
 */
export const events = pgTable(
  "events",
  {
    id: uuid("id").primaryKey(),
    type: text("type").notNull(),
    entityId: uuid("entity_id").notNull(),
    sequence: integer("sequence").notNull(),
    phoneNumberId: text("phone_number_id").notNull(),
    messageId: uuid("message_id"),
    occurredAt: at("occurred_at").notNull(),
    data: json("data").notNull(),
    position: bigint("position", { mode: "number" })
      .notNull()
      .default(sql`turno_event_position()`),
  },
  (table) => [
    uniqueIndex("events_entity_id_sequence_idx").on(table.entityId, table.sequence),
    uniqueIndex("events_position_idx").on(table.position),
  ],
);

/** How far a reader of the events table has come: everything up to this position has had its effect. */
export const eventReaders = pgTable("event_readers", {
  reader: text("reader").primaryKey(),
  position: bigint("position", { mode: "number" }).notNull(),
});

/**
 * Events that the relay has still to publish, by their positions: a row for those that one statement wrote, under the
 * first of them. It goes when the broker has acknowledged them all.
 */
export const outbox = pgTable("outbox", {
  position: bigint("position", { mode: "number" }).primaryKey(),
  positions: bigints("positions").notNull(),
});

/**
 * How far what lies in the stream and the outbox have been brought together: up to `sequence`, whose message bears `message_id`, what is in
 * the stream has left the outbox, and no event above `position_max` is among it. While the stream is refilled, the events after `refill_after` and up to
 * `refill_to` have still to be queued once more, and nothing above `refill_after` is published. One row.
 */
export const relayState = pgTable("relay_state", {
  stream: text("stream").primaryKey(),
  streamId: text("stream_id").notNull(),
  sequence: bigint("sequence", { mode: "number" }).notNull(),
  messageId: text("message_id"),
  positionMax: bigint("position_max", { mode: "number" }).notNull(),
  refillAfter: bigint("refill_after", { mode: "number" }),
  refillTo: bigint("refill_to", { mode: "number" }),
});

/**
 * What the stream held when it ended at a sequence: every event up to `whole_to`, and none above `position_max`. Where the
 * stream lost its tail, the last of these that it still reaches says what it has lost.
 */
export const relayMarks = pgTable(
  "relay_marks",
  {
    streamId: text("stream_id").notNull(),
    sequence: bigint("sequence", { mode: "number" }).notNull(),
    messageId: text("message_id"),
    wholeTo: bigint("whole_to", { mode: "number" }).notNull(),
    positionMax: bigint("position_max", { mode: "number" }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.streamId, table.sequence] })],
);

/** The live readers of a consumer, by lease on the database's clock; partitions are shared out evenly over them. */
export const logReaders = pgTable(
  "log_readers",
  {
    consumer: text("consumer").notNull(),
    shard: text("shard").notNull(),
    owner: uuid("owner").notNull(),
    leaseUntil: at("lease_until").notNull(),
  },
  (table) => [primaryKey({ columns: [table.consumer, table.shard, table.owner] })],
);

/**
 * How far a consumer has come in each partition of the log. Moved by compare-and-set in the transaction of the effect:
 * who lost the lease cannot commit. `watermark_at`: everything that arrived until then has taken effect.
 */
export const logPositions = pgTable(
  "log_positions",
  {
    consumer: text("consumer").notNull(),
    shard: text("shard").notNull(),
    partition: integer("partition").notNull(),
    streamId: text("stream_id").notNull(),
    sequence: bigint("sequence", { mode: "number" }).notNull(),
    owner: uuid("owner"),
    watermarkAt: at("watermark_at"),
  },
  (table) => [primaryKey({ columns: [table.consumer, table.shard, table.partition] })],
);

/** Updates that cannot take effect, with the cause: listed, retried or discarded by an operator. */
export const deadLetters = pgTable("dead_letters", {
  id: uuid("id").primaryKey(),
  key: text("key").notNull().unique(),
  cause: text("cause").notNull(),
  field: text("field").notNull(),
  line: text("line").notNull(),
  setAsideAt: at("set_aside_at").notNull(),
});

/**
 * One row while the server runs; Postgres empties this unlogged table when it recovers from a crash. So it is known that a
 * server which does not sync its commits may have lost some.
 */
export const serverRun = pgTable("server_run", { isOnly: boolean("is_only").primaryKey().default(true) }, () => [
  check("server_run_is_only_check", sql`is_only`),
]);

/**
 * The course of history that this database is on: one row, whose id is new after each restore and each promotion of another
 * server. What was remembered or published of another one may not be true here. Until `sends_settled_at` is set, Meta is not
 * called: what the abandoned timeline had sent is not known yet.
 */
export const databaseTimeline = pgTable(
  "database_timeline",
  {
    isOnly: boolean("is_only").primaryKey().default(true),
    id: uuid("id")
      .notNull()
      .default(sql`gen_random_uuid()`),
    serverTimeline: text("server_timeline")
      .notNull()
      .default(sql`turno_server_timeline()`),
    beganAt: at("began_at")
      .notNull()
      .default(sql`turno_now()`),
    sendsSettledAt: at("sends_settled_at"),
  },
  () => [check("database_timeline_is_only_check", sql`is_only`)],
);

/**
 * What a caller who gave a key was answered, for a day at least. Written in the transaction of the command's effect, which
 * so happens once however often it is asked.
 */
export const commandAnswers = pgTable(
  "command_answers",
  {
    asker: text("asker").notNull(),
    verb: text("verb").notNull(),
    key: text("key").notNull(),
    fingerprint: text("fingerprint").notNull(),
    answer: json("answer").notNull(),
    answeredAt: at("answered_at").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.asker, table.verb, table.key] }),
    index("command_answers_answered_at_idx").on(table.answeredAt),
  ],
);
