import { AWAY_CHOICES, OUTSIDE_CHOICES, ROLE_NAMES, type BusinessHours, type GroupWords } from "@turno/conversation";
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  pgTable,
  primaryKey,
  sql,
  text,
  uniqueIndex,
  uuid,
  type AnyPgColumn,
} from "./drizzle.ts";
import { at, json } from "./columns.ts";

/**
 * A group of agents with one queue. `turn` counts the turns taken in it; `round_turn` is the first turn of the
 * current round, in which every eligible agent gets one. Its row lock is the lock of its queue.
 */
export const groups = pgTable(
  "groups",
  {
    id: uuid("id").primaryKey(),
    name: text("name").notNull(),
    distribution: text("distribution", { enum: ["automatic", "manual"] }).notNull(),
    needsPresence: boolean("needs_presence").notNull().default(false),
    countsPresence: boolean("counts_presence").notNull().default(false),
    /** What it makes of agents' screens. */
    presence: text("presence", { enum: ["required", "counted", "ignored"] })
      .notNull()
      .generatedAlwaysAs(
        sql`case when needs_presence then 'required' when counts_presence then 'counted' else 'ignored' end`,
      ),
    returningWithinDays: integer("returning_within_days").notNull().default(0),
    returningWaitSeconds: integer("returning_wait_seconds").notNull().default(0),
    closingNeedsTicket: boolean("closing_needs_ticket").notNull().default(true),
    /** Whether agents may close their own conversations as spam, without a ticket. */
    agentsMayCloseAsSpam: boolean("agents_may_close_as_spam").notNull().default(false),
    /** Goes back to the queue where its agent did not answer what had waited, for so long after getting it; 0: never. */
    firstAnswerSeconds: integer("first_answer_seconds").notNull().default(0),
    /** Goes back to the queue where its agent did not answer a later message for so long; 0: never. */
    answerSeconds: integer("answer_seconds").notNull().default(0),
    /** How long after closing what the customer writes goes to the same agent; 0: not at all. */
    followUpSeconds: integer("follow_up_seconds").notNull().default(0),
    /** An agent is offered a conversation for so long, and accepts or declines it; 0: it has it at once. */
    offerSeconds: integer("offer_seconds").notNull().default(0),
    /** Who lets so many offers in a row lapse is away; 0: never. */
    offersMissedMax: integer("offers_missed_max").notNull().default(0),
    /** After so many times nobody is given it any more: it waits for somebody who takes it; 0: for ever. */
    lapsesMax: integer("lapses_max").notNull().default(0),
    /** Goes back to the queue where its agent's presence lapsed so long ago; 0: it stays. */
    absentRequeueSeconds: integer("absent_requeue_seconds").notNull().default(0),
    /** What becomes of the open conversations of who is away. */
    whenAway: text("when_away", { enum: AWAY_CHOICES }).notNull().default("keep"),
    /** When it works; null where nobody said so. */
    hours: json("hours").$type<BusinessHours | null>(),
    /** What becomes of what waits while it does not work. */
    outsideHours: text("outside_hours", { enum: OUTSIDE_CHOICES }).notNull().default("ignored"),
    /** Where that goes after so long, where it is to go elsewhere. */
    overflowGroupId: uuid("overflow_group_id").references((): AnyPgColumn => groups.id),
    overflowSeconds: integer("overflow_seconds").notNull().default(0),
    /** What it says on its own; null where it says nothing. */
    automaticWords: json("automatic_words").$type<GroupWords | null>(),
    turn: bigint("turn", { mode: "number" }).notNull().default(0),
    roundTurn: bigint("round_turn", { mode: "number" }).notNull().default(0),
  },
  () => [check("groups_distribution_check", sql`distribution in ('automatic', 'manual')`)],
);

/** A person who answers. `active_count` is how many active conversations it has, kept in the transactions that change it. */
export const agents = pgTable(
  "agents",
  {
    id: uuid("id").primaryKey(),
    name: text("name").notNull(),
    role: text("role", { enum: ROLE_NAMES }).notNull(),
    availability: text("availability", { enum: ["available", "away"] })
      .notNull()
      .default("away"),
    capacity: integer("capacity"),
    activeCount: integer("active_count").notNull().default(0),
    /** How many offers it has let lapse since it last accepted or declined one, or became available. */
    offersMissed: integer("offers_missed").notNull().default(0),
    /** Since when it is away; null where it is available. */
    awaySince: at("away_since"),
    presentUntil: at("present_until"),
    /** Since when nothing is done in its name; null while it works here. */
    deactivatedAt: at("deactivated_at"),
    sequence: integer("sequence").notNull().default(0),
    /** In lower case. Who signs in for the first time with this address, verified by an issuer, is this agent. */
    email: text("email"),
  },
  (table) => [
    uniqueIndex("agents_email_idx").on(table.email),
    check("agents_role_check", sql.raw(`role in (${ROLE_NAMES.map((name) => `'${name}'`).join(", ")})`)),
    check("agents_availability_check", sql`availability in ('available', 'away')`),
    check("agents_active_count_check", sql`active_count >= 0`),
    check("agents_deactivated_check", sql`deactivated_at is null or (availability = 'away' and active_count = 0)`),
  ],
);

/**
 * Who belongs to a group. Only a member in the rotation is looked at for its turn. An assignment that finds one not
 * eligible, or makes it full, takes it out, under the locks of group and agent; it rests until a trigger on `agents` sees a
 * change that may make it eligible, and puts it back in the same transaction.
 */
export const groupMembers = pgTable(
  "group_members",
  {
    groupId: uuid("group_id")
      .notNull()
      .references(() => groups.id),
    agentId: uuid("agent_id")
      .notNull()
      .references(() => agents.id),
    lastTurn: bigint("last_turn", { mode: "number" }).notNull().default(0),
    isInRotation: boolean("is_in_rotation").notNull().default(true),
  },
  (table) => [
    primaryKey({ columns: [table.groupId, table.agentId] }),
    index("group_members_agent_id_idx").on(table.agentId, table.isInRotation),
    index("group_members_rotation_idx").on(table.groupId, table.isInRotation, table.lastTurn, table.agentId),
  ],
);

/** A program that asks in its own name, as the broker's user of that name. It acts in all groups, or in its `program_groups`. */
export const programs = pgTable("programs", {
  name: text("name").primaryKey(),
  inAllGroups: boolean("in_all_groups").notNull(),
});

/** In which groups a program acts that does not act in all. */
export const programGroups = pgTable(
  "program_groups",
  {
    programName: text("program_name")
      .notNull()
      .references(() => programs.name),
    groupId: uuid("group_id")
      .notNull()
      .references(() => groups.id),
  },
  (table) => [primaryKey({ columns: [table.programName, table.groupId] })],
);

/** One business phone number, by Meta's phone number id; what comes in on it waits in `group_id`'s queue. */
export const channels = pgTable("channels", {
  id: uuid("id").primaryKey(),
  phoneNumberId: text("phone_number_id").notNull().unique(),
  /** Meta's account id (WABA): its templates may be sent on this channel. */
  accountId: text("account_id"),
  name: text("name").notNull(),
  groupId: uuid("group_id")
    .notNull()
    .references(() => groups.id),
  /** Meta's throughput of the number, in messages a second; null: that of the sender's configuration. */
  ratePerSecond: integer("rate_per_second"),
});

/**
 * A customer. `user_id` is the business-scoped user id in force, `phone` the number as Meta gave it, `phone_key` its
 * canonical form; either may be unknown. What ends in `_at` beside a fact is Meta's time of what says so.
 */
export const contacts = pgTable(
  "contacts",
  {
    id: uuid("id").primaryKey(),
    userId: text("user_id"),
    userIdAt: at("user_id_at"),
    phone: text("phone"),
    phoneKey: text("phone_key"),
    phoneAt: at("phone_at"),
    name: text("name"),
    username: text("username"),
    namedAt: at("named_at"),
    sequence: integer("sequence").notNull().default(0),
    createdAt: at("created_at").notNull(),
    marketingIsStopped: boolean("marketing_is_stopped").notNull().default(false),
    /** Meta's time of what the contact last said about marketing messages; null where it never did. */
    marketingSaidAt: at("marketing_said_at"),
    /** Since when it is blocked: it has no open conversation, and gets none. Null while it is not. */
    blockedAt: at("blocked_at"),
    /** The contact that it was joined with: all that was its own is that one's, which is never joined itself. */
    joinedIntoId: uuid("joined_into_id"),
  },
  (table) => [
    index("contacts_joined_into_id_idx")
      .on(table.joinedIntoId)
      .where(sql`joined_into_id is not null`),
  ],
);

/**
 * What a contact is known by: phone numbers in canonical form. Retired ones still lead to their contact, and one that a
 * transaction wrote beside a joining leads to the contact that it was joined with.
 */
export const contactIdentities = pgTable(
  "contact_identities",
  {
    kind: text("kind", { enum: ["user", "parent", "phone"] }).notNull(),
    value: text("value").notNull(),
    contactId: uuid("contact_id").notNull(),
    retiredAt: at("retired_at"),
  },
  (table) => [
    primaryKey({ columns: [table.kind, table.value] }),
    index("contact_identities_contact_id_idx").on(table.contactId),
    check("contact_identities_kind_check", sql`kind in ('user', 'parent', 'phone')`),
  ],
);

/** Two contacts that an update named as the same person without a proof. They become one where a person says so. */
export const contactConflicts = pgTable(
  "contact_conflicts",
  {
    contactId: uuid("contact_id").notNull(),
    otherContactId: uuid("other_contact_id").notNull(),
    noticedAt: at("noticed_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.contactId, table.otherContactId] })],
);
