import type { Actor } from "@turno/contracts";
import { bigint, check, customType, index, integer, pgTable, sql, text, uuid } from "./drizzle.ts";
import { at, json } from "./columns.ts";
import { contacts } from "./people.ts";

/** What completes an action: who said it and when. */
export interface ActionNote {
  author: Actor;
  text: string;
  at: string;
}

const tsvector = customType<{ data: string }>({ dataType: () => "tsvector" });

/**
 * The built-in ticket store. `key` names what made the ticket, so that asking twice makes one. `requester_id` is the
 * contact for whose conversation it was made, `requester_name` and `requester_reach` are who asked. `said` holds the words
 * of its actions (`turno_said`); `words` all words that the search knows, without case and accents (`turno_fold`).
 */
export const tickets = pgTable(
  "tickets",
  {
    id: uuid("id").primaryKey(),
    number: bigint("number", { mode: "number" }).generatedAlwaysAsIdentity().notNull().unique(),
    key: text("key").notNull().unique(),
    subject: text("subject").notNull(),
    body: text("body").notNull(),
    requesterId: uuid("requester_id").references(() => contacts.id),
    requesterName: text("requester_name").notNull().default(""),
    requesterReach: text("requester_reach").notNull().default(""),
    status: text("status", { enum: ["open", "pending", "solved", "closed"] }).notNull(),
    version: integer("version").notNull().default(1),
    /** Counts its events. */
    sequence: integer("sequence").notNull().default(0),
    createdAt: at("created_at").notNull(),
    changedAt: at("changed_at").notNull(),
    changedBy: json("changed_by").$type<Actor>().notNull(),
    said: tsvector("said")
      .notNull()
      .default(sql`''::tsvector`),
    words: tsvector("words").generatedAlwaysAs(
      sql`to_tsvector('simple', turno_fold(subject) || ' ' || turno_fold(body) || ' ' || turno_fold(requester_name) || ' ' || turno_fold(requester_reach)) || said`,
    ),
  },
  (table) => [
    index("tickets_words_idx").using("gin", table.words),
    index("tickets_requester_id_idx").on(table.requesterId, table.number),
    index("tickets_status_idx").on(table.status, table.number),
    check("tickets_status_check", sql`status in ('open', 'pending', 'solved', 'closed')`),
  ],
);

/** What was done on a ticket. `key` is unique: a conversation's history is one action, however often it is added. */
export const ticketActions = pgTable(
  "ticket_actions",
  {
    id: uuid("id").primaryKey(),
    key: text("key").notNull().unique(),
    ticketId: uuid("ticket_id")
      .notNull()
      .references(() => tickets.id),
    kind: text("kind", { enum: ["history", "comment", "edit"] }).notNull(),
    author: json("author").$type<Actor>().notNull(),
    body: text("body").notNull(),
    /** How a history's action was completed; null until somebody does. */
    note: json("note").$type<ActionNote>(),
    createdAt: at("created_at").notNull(),
  },
  (table) => [
    index("ticket_actions_ticket_id_idx").on(table.ticketId, table.id),
    check("ticket_actions_kind_check", sql`kind in ('history', 'comment', 'edit')`),
  ],
);

/**
 * Histories of ended conversations that have still to be added to their tickets: written with the end, deleted when the
 * ticket store, which may be another program, has taken them.
 */
export const ticketHistories = pgTable("ticket_histories", {
  conversationId: uuid("conversation_id").primaryKey(),
  ticketId: uuid("ticket_id").notNull(),
  author: json("author").$type<Actor>().notNull(),
  endedAt: at("ended_at").notNull(),
  dueAt: at("due_at").notNull(),
});
