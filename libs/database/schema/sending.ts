import {
  bigserial,
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
} from "./drizzle.ts";
import type { WordKind } from "@turno/conversation";
import { at, json } from "./columns.ts";

export const SEND_STATES = [
  "waiting",
  "sending",
  "accepted",
  "sent",
  "delivered",
  "read",
  "played",
  "failed",
  "unknown",
] as const;

/**
 * A message to send: a row before it is a call. `waiting → sending → accepted → sent → delivered → read → played`, and
 * `failed` while nothing at or above delivered was seen. `unknown`: the call's outcome is not known; it is never called
 * again by itself, a status settles it. `attempt` is the fencing number: only the holder of the latest may write its
 * outcome. The row's id travels as `biz_opaque_callback_data`.
 */
export const sends = pgTable(
  "sends",
  {
    id: uuid("id").primaryKey(),
    /** Order of sending within a conversation. */
    ordinal: bigserial("ordinal", { mode: "number" }).notNull(),
    conversationId: uuid("conversation_id").notNull(),
    channelId: uuid("channel_id").notNull(),
    contactId: uuid("contact_id").notNull(),
    /** The channel's number when it was asked for, then that of its last call. A waiting message goes out on the channel's. */
    phoneNumberId: text("phone_number_id").notNull(),
    agentId: uuid("agent_id"),
    kind: text("kind").notNull(),
    /** Which of a group's automatic words it is; null for what somebody asked for. */
    automatic: text("automatic").$type<WordKind>(),
    /** The Graph API's body without addressing and callback data. */
    body: json("body").notNull(),
    /** Whether its failure ends the conversation that it opened. */
    isOpening: boolean("is_opening").notNull().default(false),
    state: text("state", { enum: SEND_STATES }).notNull(),
    attempt: integer("attempt").notNull().default(0),
    leaseUntil: at("lease_until"),
    dueAt: at("due_at").notNull(),
    wamid: text("wamid"),
    /** Whether Meta's answer was that it holds the message back to assess its quality. */
    isHeld: boolean("is_held").notNull().default(false),
    error: json("error"),
    pricing: json("pricing"),
    createdAt: at("created_at").notNull(),
    changedAt: at("changed_at").notNull(),
  },
  (table) => [
    uniqueIndex("sends_wamid_idx")
      .on(table.wamid)
      .where(sql`wamid is not null`),
    index("sends_conversation_id_idx")
      .on(table.conversationId, table.ordinal)
      .where(sql`state in ('waiting', 'sending')`),
    index("sends_due_at_idx")
      .on(table.channelId, sql`(kind = 'template')`, table.dueAt, table.ordinal)
      .where(sql`state = 'waiting'`),
    index("sends_lease_until_idx")
      .on(table.leaseUntil)
      .where(sql`state = 'sending'`),
    check(
      "sends_state_check",
      sql`state in ('waiting', 'sending', 'accepted', 'sent', 'delivered', 'read', 'played', 'failed', 'unknown')`,
    ),
  ],
);

/** Delivery statuses that came before their message was known; they take effect when it is, and are dropped after a week. */
export const waitingStatuses = pgTable(
  "waiting_statuses",
  {
    key: text("key").primaryKey(),
    wamid: text("wamid").notNull(),
    arrivedAt: at("arrived_at").notNull(),
    line: text("line").notNull(),
  },
  (table) => [index("waiting_statuses_wamid_idx").on(table.wamid)],
);

/** Meta's templates, by account: filled from its list, kept current by the account webhooks. */
export const templates = pgTable(
  "templates",
  {
    accountId: text("account_id").notNull(),
    name: text("name").notNull(),
    language: text("language").notNull(),
    templateId: text("template_id").notNull(),
    status: text("status").notNull(),
    category: text("category").notNull(),
    quality: text("quality"),
    components: json("components").notNull(),
    changedAt: at("changed_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.accountId, table.name, table.language] })],
);

/** When an account's list of templates was read last, and since when and why it cannot be read. */
export const templateLists = pgTable("template_lists", {
  accountId: text("account_id").primaryKey(),
  readAt: at("read_at"),
  failedSince: at("failed_since"),
  failure: text("failure"),
});

/** When the next message of a key (a number, or a number and contact pair) fits its rate, shared by all senders. */
export const rateLimits = pgTable("rate_limits", {
  key: text("key").primaryKey(),
  /** Theoretical arrival time of the generic cell rate algorithm. */
  fullAt: at("full_at").notNull(),
});

/**
 * What stops sending where Meta refuses every call of a token, an account, a number, or every template of an account
 * (`templates`). `open`: what it covers waits, and from `tryAt` on one message tries; that it goes through closes the
 * circuit, and so does an operator. The row stays, because a failure from before `closedAt` must not open it again.
 */
export const circuits = pgTable(
  "circuits",
  {
    scope: text("scope", { enum: ["token", "account", "templates", "number"] }).notNull(),
    key: text("key").notNull(),
    state: text("state", { enum: ["open", "closed"] }).notNull(),
    code: integer("code").notNull(),
    reason: text("reason").notNull(),
    /** When Meta refused, or when the call that it refused was leased. */
    openedAt: at("opened_at").notNull(),
    closedAt: at("closed_at"),
    /** Tries since it opened; the waits between them grow. */
    tries: integer("tries").notNull().default(0),
    /** By the real clock, whatever clock the rules are shown. */
    tryAt: at("try_at").notNull(),
    /** The message that tried last. */
    trySendId: uuid("try_send_id"),
  },
  (table) => [
    primaryKey({ columns: [table.scope, table.key] }),
    check("circuits_scope_check", sql`scope in ('token', 'account', 'templates', 'number')`),
    check("circuits_state_check", sql`state in ('open', 'closed')`),
  ],
);
