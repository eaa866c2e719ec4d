import type { AssignmentReason } from "@turno/contracts";
import type { WordKind } from "@turno/conversation";
import { bigint, boolean, check, index, integer, pgTable, sql, text, uniqueIndex, uuid } from "./drizzle.ts";
import { at, json, texts, uuids } from "./columns.ts";

/**
 * What an agent works on. `queued → active → closed`, and from queued or active `→ expired → closed`.
 * `sequence` counts its events. It is not given again to the agent in `requeued_from_agent_id`, who gave it back. Instants that move with every message stay out of every index, so that updates are HOT.
 */
export const conversations = pgTable(
  "conversations",
  {
    id: uuid("id").primaryKey(),
    channelId: uuid("channel_id").notNull(),
    contactId: uuid("contact_id").notNull(),
    groupId: uuid("group_id").notNull(),
    state: text("state", { enum: ["queued", "active", "expired", "closed", "failed"] }).notNull(),
    agentId: uuid("agent_id"),
    requeuedFromAgentId: uuid("requeued_from_agent_id"),
    /** Who let it lapse without an answer since the customer last had one, the last one last. */
    lapsedAgentIds: uuids("lapsed_agent_ids")
      .notNull()
      .default(sql`'{}'`),
    lapsedAt: at("lapsed_at"),
    openedAt: at("opened_at").notNull(),
    queuedAt: at("queued_at").notNull(),
    assignedAt: at("assigned_at"),
    /** Until when its agent may accept or decline it; null where it has it. It says nothing of one that is not active. */
    offeredUntil: at("offered_until"),
    /** When its agent closed it; null where it is open, or ended in another way. */
    closedAt: at("closed_at"),
    /** Meta's session: until when free-form messages may be sent; null where the customer never wrote. */
    sessionEndsAt: at("session_ends_at"),
    /** When Meta itself said that the session is over (131047); only what the customer writes later opens it again. */
    sessionClosedAt: at("session_closed_at"),
    /** When the tracker looks at it next: moved lazily, so that a message does not move an index. */
    checkAt: at("check_at").notNull(),
    /** The session end and the minutes before it for which the last warning went out. */
    warnedEndsAt: at("warned_ends_at"),
    warnedMinutes: integer("warned_minutes"),
    /** Meta's time of the customer's oldest message that no person of ours answered; null where none waits for that. */
    waitingSince: at("waiting_since"),
    /** When that message took effect here. */
    waitingNotedAt: at("waiting_noted_at"),
    /** Which automatic words were said in its session. */
    saidWords: texts("said_words")
      .$type<WordKind[]>()
      .notNull()
      .default(sql`'{}'`),
    /** The expired conversation whose template opened this one. */
    continuesConversationId: uuid("continues_conversation_id"),
    /** The conversation in which it goes on, because its contact was joined with that one's. */
    joinedIntoId: uuid("joined_into_id"),
    ticketId: uuid("ticket_id"),
    ticketNumber: bigint("ticket_number", { mode: "number" }),
    ticketLink: text("ticket_link", { enum: ["proposed", "confirmed"] }),
    sequence: integer("sequence").notNull(),
  },
  (table) => [
    uniqueIndex("conversations_open_idx")
      .on(table.contactId, table.channelId)
      .where(sql`state in ('queued', 'active')`),
    index("conversations_queue_idx")
      .on(table.groupId, table.queuedAt, table.id)
      .where(sql`state = 'queued'`),
    index("conversations_check_at_idx")
      .on(table.checkAt)
      .where(sql`state in ('queued', 'active')`),
    uniqueIndex("conversations_continues_idx")
      .on(table.continuesConversationId)
      .where(sql`continues_conversation_id is not null and state <> 'failed'`),
    index("conversations_contact_id_idx").on(table.contactId, table.openedAt),
    index("conversations_ticket_id_idx")
      .on(table.ticketId)
      .where(sql`ticket_id is not null`),
    // Tickets, newest first, of who reads the conversations that are linked to them: an agent's, a group's, nobody's.
    index("conversations_agent_id_ticket_idx")
      .on(table.agentId, table.ticketNumber)
      .where(sql`ticket_id is not null`),
    index("conversations_group_id_ticket_idx")
      .on(table.groupId, table.ticketNumber)
      .where(sql`ticket_id is not null`),
    index("conversations_nobodys_ticket_idx")
      .on(table.groupId, table.ticketNumber)
      .where(sql`ticket_id is not null and agent_id is null`),
    // Lists, newest first, of a group and of what an agent has or had in it. Neither holds what moves with a message.
    index("conversations_group_id_state_idx")
      .on(table.groupId, table.state, table.id)
      .where(sql`state in ('active', 'expired', 'closed')`),
    index("conversations_agent_id_state_idx")
      .on(table.agentId, table.state, table.groupId, table.id)
      .where(sql`state in ('active', 'expired', 'closed')`),
    check("conversations_state_check", sql`state in ('queued', 'active', 'expired', 'closed', 'failed')`),
    check(
      "conversations_agent_check",
      sql`(state = 'queued') <= (agent_id is null) and (state = 'active') <= (agent_id is not null)`,
    ),
  ],
);

/**
 * Conversations in which a group may have to say something on its own, and when to look. The router notes one with the
 * customer's message, the session tracker looks, and takes it out once nothing more can be due.
 */
export const wordLooks = pgTable(
  "word_looks",
  {
    conversationId: uuid("conversation_id").primaryKey(),
    lookAt: at("look_at").notNull(),
    /** Whether the customer opened it since the last look. */
    isOpening: boolean("is_opening").notNull(),
  },
  (table) => [index("word_looks_look_at_idx").on(table.lookAt)],
);

/** Each time a conversation was given to an agent, with the reason; `ended_at` is null while it still holds. */
export const assignments = pgTable(
  "assignments",
  {
    id: uuid("id").primaryKey(),
    conversationId: uuid("conversation_id").notNull(),
    groupId: uuid("group_id").notNull(),
    agentId: uuid("agent_id").notNull(),
    assignedAt: at("assigned_at").notNull(),
    endedAt: at("ended_at"),
    reason: json("reason").$type<AssignmentReason>().notNull(),
  },
  (table) => [
    uniqueIndex("assignments_current_idx")
      .on(table.conversationId)
      .where(sql`ended_at is null`),
    index("assignments_conversation_id_idx").on(table.conversationId, table.assignedAt),
  ],
);

/**
 * Messages, calls and notices, ours and theirs. `key` is the update's dedupe key: unique, so that what Meta or the
 * gateway repeats takes effect once. `payload` is `json`, not `jsonb`, because it must keep U+0000 and every digit.
 */
export const messages = pgTable(
  "messages",
  {
    id: uuid("id").primaryKey(),
    key: text("key").notNull().unique(),
    conversationId: uuid("conversation_id"),
    contactId: uuid("contact_id"),
    direction: text("direction", { enum: ["in", "out"] }).notNull(),
    kind: text("kind").notNull(),
    sentAt: at("sent_at").notNull(),
    receivedAt: at("received_at").notNull(),
    payload: json("payload").notNull(),
    /** What it said, where the payload alone does not say it: the text of a template. */
    text: text("text"),
  },
  (table) => [
    // By Meta's time: what comes late stands where it belongs.
    index("messages_said_idx").on(table.conversationId, table.sentAt, table.id),
    index("messages_change_idx")
      .on(table.contactId)
      .where(sql`kind in ('edit', 'revoke')`),
    check("messages_direction_check", sql`direction in ('in', 'out')`),
  ],
);

/** Updates that are kept but never distributed: history, standby copies, preferences, groups, app state. */
export const observations = pgTable("observations", {
  key: text("key").primaryKey(),
  what: text("what").notNull(),
  phoneNumberId: text("phone_number_id"),
  receivedAt: at("received_at").notNull(),
  line: text("line").notNull(),
});
